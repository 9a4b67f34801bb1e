"""Every gradient of every layer: complex step, central differences and torch, at every index.

The upstream gradients are random and never uniform; shapes come from hypothesis and include B = 1 and C = 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.numpy_nn import MLP, CrossEntropy, LeakyReLU, Linear, Softmax, SoftmaxCrossEntropy, one_hot
from backproof.proof import central_difference, complex_step, relative_error

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)
slopes = st.sampled_from([0.0, 0.02, 0.5, 1.0, 3.0])
fast = settings(max_examples=40, deadline=None, derandomize=True)


def assert_proven(gradient: np.ndarray, f: Callable[[Any], Any], x: np.ndarray, dout: Any = 1.0) -> None:
    """Compare a gradient of Σ dout ⊙ f(x) with the complex step and with central differences."""
    assert gradient.shape == x.shape
    assert relative_error(gradient, complex_step(f, x, dout)) <= 1e-12
    assert relative_error(gradient, central_difference(f, x.copy(), dout)) <= 1e-6


def away_from_zero(x: np.ndarray) -> np.ndarray:
    """Keep inputs off LeakyReLU's kink, where no derivative exists."""
    return np.where(np.abs(x) < 1e-3, 1e-3, x)


def random_probabilities(rng: np.random.Generator, b: int, c: int) -> np.ndarray:
    """None below 0.1/C, where 1/p would bend too much for central differences."""
    return 0.1 / c + 0.9 * rng.dirichlet(np.ones(c), size=b)


def torch_gradients(f: Callable[..., Any], *inputs: np.ndarray, dout: Any = None) -> list[np.ndarray]:
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    f(*tensors).backward(None if dout is None else torch.tensor(dout))
    return [tensor.grad.numpy() for tensor in tensors]


def with_params(layer: Linear, **params: np.ndarray) -> Linear:
    """A twin of the layer with these parameters, all made complex: the forward pass of the complex step."""
    m, d = layer.params["weight"].shape
    twin = Linear(d, m, rng=np.random.default_rng(0))
    twin.params = {name: np.asarray(value, np.complex128) for name, value in (layer.params | params).items()}
    return twin


@fast
@given(sizes, sizes, sizes, seeds)
def test_linear(b: int, d: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = Linear(d, m, rng=rng, scale=1.0)
    layer.params["bias"][...] = rng.normal(size=m)
    x, dout = rng.normal(size=(b, d)), rng.normal(size=(b, m))
    layer.forward(x)
    dx = layer.backward(dout)

    def forward(x: np.ndarray, **params: np.ndarray) -> np.ndarray:
        return with_params(layer, **params).forward(x.astype(np.complex128))

    def real(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda z: f(z) if np.iscomplexobj(z) else f(z).real

    assert_proven(dx, real(forward), x, dout)
    assert_proven(layer.grads["weight"], real(lambda w: forward(x, weight=w)), layer.params["weight"], dout)
    assert_proven(layer.grads["bias"], real(lambda bias: forward(x, bias=bias)), layer.params["bias"], dout)
    expected = torch_gradients(
        torch.nn.functional.linear, x, layer.params["weight"], layer.params["bias"], dout=dout
    )
    for gradient, oracle in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        assert relative_error(gradient, oracle) <= 1e-13


@fast
@given(sizes, sizes, slopes, seeds)
def test_leaky_relu(b: int, c: int, slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = LeakyReLU(slope)
    x, dout = away_from_zero(rng.normal(size=(b, c))), rng.normal(size=(b, c))
    y = layer.forward(x)
    dx = layer.backward(dout)
    assert_proven(dx, lambda x: LeakyReLU(slope).forward(x), x, dout)
    np.testing.assert_array_equal(y, torch.nn.functional.leaky_relu(torch.tensor(x), slope).numpy())
    [oracle] = torch_gradients(lambda x: torch.nn.functional.leaky_relu(x, slope), x, dout=dout)
    np.testing.assert_array_equal(dx, oracle)


def test_leaky_relu_takes_the_negative_slope_at_the_kink() -> None:
    layer = LeakyReLU(0.25)
    np.testing.assert_array_equal(layer.forward(np.array([[0.0, -0.0]])), [[0.0, 0.0]])
    np.testing.assert_array_equal(layer.backward(np.array([[4.0, 8.0]])), [[1.0, 2.0]])


@fast
@given(sizes, sizes, seeds)
def test_softmax(b: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = Softmax()
    x, dout = 3 * rng.normal(size=(b, c)), rng.normal(size=(b, c))
    p = layer.forward(x)
    dx = layer.backward(dout)
    assert relative_error(p, torch.softmax(torch.tensor(x), 1).numpy()) <= 1e-14
    if c == 1:  # the probability is 1 whatever the score
        np.testing.assert_array_equal(dx, np.zeros_like(x))
        return
    # Measured against dout as well: where one class is nearly certain, dx cancels to nearly nothing.
    scale = max(np.abs(dx).max(), np.abs(dout).max())
    assert np.abs(dx - complex_step(Softmax().forward, x, dout)).max() <= 1e-12 * scale
    assert np.abs(dx - central_difference(Softmax().forward, x.copy(), dout)).max() <= 1e-8 * scale
    [oracle] = torch_gradients(lambda x: torch.softmax(x, 1), x, dout=dout)
    assert np.abs(dx - oracle).max() <= 1e-14 * scale


@fast
@given(sizes, sizes, seeds)
def test_cross_entropy(b: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, t = random_probabilities(rng, b, c), random_probabilities(rng, b, c)
    layer = CrossEntropy()
    loss = layer.forward(p, t)
    dp = layer.backward()
    assert_proven(dp, lambda p: CrossEntropy().forward(p, t.astype(p.dtype)), p)
    oracle = -(torch.tensor(t) * torch.log(torch.tensor(p))).sum(1).mean()
    assert loss == pytest.approx(float(oracle), rel=1e-13, abs=1e-15)
    [expected] = torch_gradients(lambda p: -(torch.tensor(t) * torch.log(p)).sum(1).mean(), p)
    assert relative_error(dp, expected) <= 1e-13


@fast
@given(sizes, sizes, seeds)
def test_softmax_cross_entropy(b: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, labels = 1.5 * rng.normal(size=(b, c)), rng.integers(0, c, size=b)
    layer = SoftmaxCrossEntropy()
    loss = layer.forward(x, labels)
    dx = layer.backward()
    oracle = torch.nn.functional.cross_entropy(torch.tensor(x), torch.tensor(labels))
    assert loss == pytest.approx(float(oracle), rel=1e-13, abs=1e-15)
    if c == 1:
        assert loss == 0
        np.testing.assert_array_equal(dx, np.zeros_like(x))
        return
    assert_proven(dx, lambda x: SoftmaxCrossEntropy().forward(x, labels), x)
    [expected] = torch_gradients(lambda x: torch.nn.functional.cross_entropy(x, torch.tensor(labels)), x)
    assert relative_error(dx, expected) <= 1e-12


@fast
@given(sizes, st.integers(2, 6), seeds)
def test_the_fused_loss_is_softmax_then_cross_entropy(b: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, labels = 3 * rng.normal(size=(b, c)), rng.integers(0, c, size=b)
    fused, softmax, cross_entropy = SoftmaxCrossEntropy(), Softmax(), CrossEntropy()
    assert fused.forward(x, labels) == pytest.approx(
        cross_entropy.forward(softmax.forward(x), one_hot(labels, c)), rel=1e-12
    )
    # In steps, p − 1 of a nearly certain class cancels: absolutely the two agree.
    assert np.abs(fused.backward() - softmax.backward(cross_entropy.backward())).max() <= 1e-14


@fast
@given(sizes, sizes, st.lists(sizes, max_size=3), st.integers(2, 6), slopes, seeds)
def test_mlp(b: int, d: int, hidden: list[int], c: int, slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mlp = MLP(d, hidden, c, slope, rng=rng)
    for param in mlp.params.values():
        param[...] = rng.normal(size=param.shape)
    x, dout = rng.normal(size=(b, d)), rng.normal(size=(b, c))
    mlp.forward(x)
    dx = mlp.backward(dout)

    twin = MLP(d, hidden, c, slope, rng=rng, dtype=np.complex128)
    for name, param in mlp.params.items():
        twin.params[name][...] = param

    def forward_with(target: np.ndarray, z: np.ndarray) -> np.ndarray:
        target[...] = z
        return twin.forward(x.astype(np.complex128))

    for name, param in mlp.params.items():
        expected = complex_step(lambda z, name=name: forward_with(twin.params[name], z), param, dout)
        assert relative_error(mlp.grads[name], expected) <= 1e-12, name
        twin.params[name][...] = param
    assert relative_error(dx, complex_step(twin.forward, x, dout)) <= 1e-12

    skipped = {name: grad.copy() for name, grad in mlp.grads.items()}
    mlp.forward(x)
    mlp.backward_params(dout)
    for name, grad in mlp.grads.items():
        np.testing.assert_array_equal(grad, skipped[name], err_msg=name)


def test_each_backward_replaces_the_gradients_of_the_one_before(rng: np.random.Generator) -> None:
    layer = Linear(3, 2, rng=rng)
    x, dout = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    layer.forward(x)
    layer.backward(dout)
    once = layer.grads["weight"].copy()
    layer.backward(dout)
    np.testing.assert_array_equal(layer.grads["weight"], once)


@pytest.mark.parametrize("layer", [LeakyReLU(0.02), Softmax(), Linear(5, 3, rng=np.random.default_rng(0))])
def test_inputs_are_left_as_they_were(layer: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 5))
    kept_x = x.copy()
    dout = rng.normal(size=layer.forward(x).shape)
    kept_dout = dout.copy()
    layer.backward(dout)
    np.testing.assert_array_equal(x, kept_x)
    np.testing.assert_array_equal(dout, kept_dout)
