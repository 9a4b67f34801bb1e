"""A layer's output and gradients held against torch, complex step and central differences, at every index."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.proof import central_difference, complex_step, relative_error


def assert_layer_proven(
    layer: Any, x: np.ndarray, oracle: Callable[..., Tensor], rng: np.random.Generator
) -> None:
    """Hold y, dx and every parameter's gradient against ``oracle(x, *params)`` and the layer's own forward.

    Parameters and the upstream gradient become random numbers.
    """
    for param in layer.params.values():
        param[...] = rng.normal(size=param.shape)
    twin = copy.deepcopy(layer)
    at = {"x": x, **layer.params}
    y = layer.forward(x)
    dout = rng.normal(size=y.shape)
    gradients = {"x": layer.backward(dout), **layer.grads}

    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in at.items()}
    expected = oracle(*leaves.values())
    expected.backward(torch.tensor(dout))
    assert relative_error(y, expected.detach().numpy()) <= 1e-13
    for name, value in at.items():
        gradient, f = gradients[name], forward_with(twin, at, name)
        assert gradient.shape == value.shape
        assert relative_error(gradient, leaves[name].grad.numpy()) <= 1e-13, name
        assert relative_error(gradient, complex_step(f, value, dout)) <= 1e-12, name
        assert relative_error(gradient, central_difference(f, value.copy(), dout)) <= 1e-6, name


def forward_with(layer: Any, at: dict[str, np.ndarray], name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the forward pass as a function of x or of one parameter, the others fixed; complex if z is."""

    def forward(z: np.ndarray) -> np.ndarray:
        arrays = {key: value.astype(z.dtype) for key, value in (at | {name: z}).items()}
        x = arrays.pop("x")
        layer.params = arrays
        return layer.forward(x)

    return forward


def same_in_other_layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the images x (B, C, H, V) as arrays that lie differently in memory."""
    b, c, h, v = x.shape
    every_second = np.zeros((2 * b, c, h, 2 * v), x.dtype)[::2, ..., 1::2]
    every_second[...] = x
    with_border = np.zeros((b, c + 2, h + 2, v + 1), x.dtype)[:, 1:-1, 1:-1, 1:]
    with_border[...] = x
    return {
        "channels first": np.ascontiguousarray(x),
        "channels last": np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "transposed": np.ascontiguousarray(x.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0),
        "every second number": every_second,
        "cut from a larger array": with_border,
        "negative strides": np.ascontiguousarray(x[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
    }
