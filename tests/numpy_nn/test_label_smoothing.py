"""Label smoothing in SoftmaxCrossEntropy, held against torch's; without it, nothing has changed."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backproof.numpy_nn import SoftmaxCrossEntropy
from backproof.proof import central_difference, complex_step, relative_error


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("shape", [(1, 2), (5, 3), (4, 10), (3, 1)])
def test_loss_and_gradient_are_those_of_torch(
    smoothing: float, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    x, labels = 2 * rng.normal(size=shape), rng.integers(0, shape[1], size=shape[0])
    layer = SoftmaxCrossEntropy(smoothing=smoothing)
    loss = layer.forward(x, labels)
    dx = layer.backward()
    logits = torch.tensor(x, requires_grad=True)
    expected = F.cross_entropy(logits, torch.tensor(labels), label_smoothing=smoothing)
    expected.backward()
    assert logits.grad is not None
    assert loss == pytest.approx(expected.item(), rel=1e-13, abs=1e-15)
    np.testing.assert_allclose(dx, logits.grad.numpy(), rtol=0, atol=1e-15)
    if shape[1] > 1:

        def f(z: np.ndarray) -> np.inexact:
            return SoftmaxCrossEntropy(smoothing=smoothing).forward(z, labels)

        assert relative_error(dx, complex_step(f, x)) <= 1e-12
        assert relative_error(dx, central_difference(f, x)) <= 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_smoothing_every_bit_is_that_of_the_plain_loss(dtype: type, rng: np.random.Generator) -> None:
    x = (20 * rng.normal(size=(7, 5))).astype(dtype)
    x[:, 4] = -np.inf  # a class that is ruled out
    labels = rng.integers(0, 4, size=7)
    layer = SoftmaxCrossEntropy(smoothing=0.0)
    loss = layer.forward(x, labels)
    dx = layer.backward()

    log_p = x - x.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    right = np.arange(7), labels
    expected = np.exp(log_p)
    expected[right] = 0
    expected[right] = -expected.sum(axis=1)
    expected /= 7
    assert loss == -log_p[right].mean()
    np.testing.assert_array_equal(dx, expected)
    assert np.isfinite(loss)


def test_nothing_cancels_where_the_right_class_is_nearly_certain() -> None:
    smoothing, gap = 1e-14, 34.0  # 1 − p is 2e-15, where p − (1 − ε/2) has one digit left
    layer = SoftmaxCrossEntropy(smoothing=smoothing)
    layer.forward(np.array([[gap, 0.0]]), np.array([0]))
    other = 1 / (1 + math.exp(gap)) - smoothing / 2
    np.testing.assert_allclose(layer.backward(), [[-other, other]], rtol=1e-13)


def test_a_number_of_numpys_leaves_float32_alone() -> None:
    layer = SoftmaxCrossEntropy(smoothing=np.float64(0.1))
    loss = layer.forward(np.ones((2, 3), np.float32), np.array([0, 2]))
    assert (loss.dtype, layer.backward().dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan, math.inf])
def test_no_other_smoothing(smoothing: float) -> None:
    with pytest.raises(ValueError, match=r"smoothing has to be in \[0, 1\), but is"):
        SoftmaxCrossEntropy(smoothing=smoothing)
