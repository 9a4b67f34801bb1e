"""Batch norm's loops: compiled they compute what Python computes of them, however they are divided."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from backproof.torch_nn.batchnorm import loops
from backproof.torch_nn.loop_compiler.compiled import uncompiled

Array = npt.NDArray[Any]
SHAPES = {"rows": (37, 5), "planes": (4, 5, 9)}
EPS = 1e-3
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
DIGITS = {torch.float32: 2e-6, torch.float64: 1e-13, torch.bfloat16: 2e-6}
"""Of sums, which bfloat16 has in float32."""
pytestmark = [
    pytest.mark.slow,  # for what is compiled first
    pytest.mark.parametrize("dtype", DTYPES, ids=str),
    pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys()),
    pytest.mark.parametrize("slope", [None, 0.0, 0.02]),
]


class Case:
    """x, dy, γ and β, as the loops take them and as tensors."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, slope: float | None) -> None:
        generator = torch.Generator().manual_seed(20261128)
        self.x, self.dy = (torch.randn(shape, generator=generator).to(dtype) for _ in range(2))
        self.x = 2 * self.x + 3
        computing = torch.float32 if dtype == torch.bfloat16 else dtype
        self.gamma, self.beta = torch.randn(2, shape[1], generator=generator).to(computing)
        self.slope = None if slope is None else self.gamma.numpy().dtype.type(slope)

    def run(self, parts: int) -> dict[str, Array]:
        """All four loops; y and dx as float32 or float64."""
        x, dy, gamma, beta = (array_of(t) for t in (self.x, self.dy, self.gamma, self.beta))
        y, dx = np.full_like(x, 7), np.full_like(x, 7)
        origin, rest, var = loops.statistics(x, gamma, parts)
        known = (gamma, beta, EPS, origin, rest, var, self.slope)
        loops.normalise(x, *known, parts, y)
        dgamma, dbeta = loops.parameter_gradients(x, dy, *known, parts)
        loops.input_gradient(x, dy, *known, dgamma, dbeta, x.size // len(gamma), parts, dx)
        sums = {"mean": origin + rest, "var": var, "dgamma": dgamma, "dbeta": dbeta}
        return {"y": self.numbers(y), "dx": self.numbers(dx), **sums}

    def numbers(self, array: Array) -> Array:
        values: Array = torch.from_numpy(array).view(self.x.dtype).to(self.gamma.dtype).numpy()
        return values

    def by_torch(self) -> dict[str, Array]:
        """What torch computes of the same in float64."""
        x, dy, gamma, beta = (
            t.detach().double().requires_grad_() for t in (self.x, self.dy, self.gamma, self.beta)
        )
        y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
        if self.slope is not None:
            y = F.leaky_relu(y, float(self.slope))
        gradients = torch.autograd.grad(y, (x, gamma, beta), dy)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        values = y, *gradients, x.mean(axes), x.var(axes, correction=0)
        names = "y", "dx", "dgamma", "dbeta", "mean", "var"
        return {name: value.detach().numpy() for name, value in zip(names, values, strict=True)}

    def assert_close(self, actual: dict[str, Array], expected: dict[str, Array]) -> None:
        for name, value in expected.items():
            # The last digit of bfloat16 may be another where what is rounded is.
            rounded = self.x.dtype == torch.bfloat16 and name in ("y", "dx")
            digits = torch.finfo(torch.bfloat16).eps if rounded else DIGITS[self.x.dtype]
            np.testing.assert_allclose(
                actual[name], value, rtol=digits, atol=digits * abs(value).max(), err_msg=name
            )


def array_of(tensor: torch.Tensor) -> Array:
    """A tensor's memory, of bfloat16 the bits."""
    array: Array = (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def test_compiled_is_uncompiled(dtype: torch.dtype, shape: tuple[int, ...], slope: float | None) -> None:
    case = Case(shape, dtype, slope)
    with uncompiled():
        expected = case.run(2)
    case.assert_close(expected, case.by_torch())
    for parts in 1, 2, 3, 40:  # which is more than there are samples or channels
        case.assert_close(case.run(parts), expected)
        with uncompiled():
            case.assert_close(case.run(parts), expected)


def test_the_same_number_of_parts_gives_the_same_bits(
    dtype: torch.dtype, shape: tuple[int, ...], slope: float | None
) -> None:
    case = Case(shape, dtype, slope)
    for parts in 1, 2, 3:
        first, second = case.run(parts), case.run(parts)
        for name, value in first.items():
            np.testing.assert_array_equal(second[name], value, err_msg=name)
