"""Gradient clipping, held against torch's."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch

from backproof.numpy_nn import clip_gradients

Arrays = dict[str, np.ndarray[Any, Any]]


def drawn(rng: np.random.Generator, dtype: type = np.float64) -> Arrays:
    """Draw gradients, one of them a convolution's with channels last in memory."""
    return {
        "weight": rng.normal(size=(300, 200)).astype(dtype),
        "bias": 5 * rng.normal(size=3).astype(dtype),
        "kernel": rng.normal(size=(7, 3, 3, 5)).astype(dtype).transpose(0, 3, 1, 2),
    }


def clipped_by_torch(grads: Arrays, most: float) -> tuple[float, Arrays]:
    params = {}
    for name, grad in grads.items():
        params[name] = torch.nn.Parameter(torch.zeros(grad.shape, dtype=torch.tensor(grad).dtype))
        params[name].grad = torch.tensor(grad)
    norm = torch.nn.utils.clip_grad_norm_(params.values(), most)
    return norm.item(), {name: param.grad.numpy() for name, param in params.items() if param.grad is not None}


@pytest.mark.parametrize("most", [1e-9, 0.7, 200.0, 400.0, np.inf])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
def test_norm_and_gradients_are_those_of_torch(
    most: float, dtype: type, tolerance: float, rng: np.random.Generator
) -> None:
    grads = drawn(rng, dtype)
    arrays, before = dict(grads), {name: grad.copy() for name, grad in grads.items()}
    expected_norm, expected = clipped_by_torch(grads, most)
    assert 200 < expected_norm < 400
    norm = clip_gradients(grads, most)
    assert type(norm) is float
    assert norm == pytest.approx(expected_norm, rel=tolerance)
    for name, grad in grads.items():
        assert grad is arrays[name]
        assert grad.dtype == dtype
        np.testing.assert_allclose(grad, expected[name], rtol=tolerance)
        if most >= 400:
            np.testing.assert_array_equal(grad, before[name])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_spreads_as_in_torch(value: float) -> None:
    grads = {"w": np.array([1.0, value]), "b": np.array([2.0, -3.0])}
    expected_norm, expected = clipped_by_torch(grads, 1.0)
    with np.errstate(invalid="ignore"):  # as in training, which sees the loss
        norm = clip_gradients(grads, 1.0)
    np.testing.assert_array_equal(norm, expected_norm)
    for name, grad in grads.items():
        np.testing.assert_array_equal(grad, expected[name])


def test_gradients_of_zeros_and_no_gradients_have_no_norm() -> None:
    grads = {"w": np.zeros((2, 3))}
    assert clip_gradients(grads, 0.1) == 0
    np.testing.assert_array_equal(grads["w"], np.zeros((2, 3)))
    assert clip_gradients({}, 0.1) == 0


def test_clipping_takes_no_fresh_memory(rng: np.random.Generator) -> None:
    grads = drawn(rng)
    tracemalloc.start()
    try:
        clip_gradients(grads, 0.1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < grads["weight"].nbytes / 50


@pytest.mark.parametrize("most", [0.0, -1.0, np.nan])
def test_no_other_largest_norm(most: float) -> None:
    with pytest.raises(ValueError, match="most has to be above 0, but is"):
        clip_gradients({"w": np.ones(2)}, most)
