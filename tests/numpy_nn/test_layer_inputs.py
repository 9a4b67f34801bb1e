"""What layers do with extreme inputs, and how they refuse wrong ones."""

from collections.abc import Callable

import numpy as np
import pytest

from backproof.numpy_nn import (
    MLP,
    BatchNorm,
    Conv2d,
    CrossEntropy,
    LeakyReLU,
    Linear,
    Softmax,
    SoftmaxCrossEntropy,
    one_hot,
)

FLOATS = [np.float32, np.float64]


@pytest.fixture
def linear(rng: np.random.Generator) -> Linear:
    return Linear(3, 2, rng=rng)


def test_linear_names_both_shapes(linear: Linear) -> None:
    with pytest.raises(
        ValueError, match=r"x has shape \(5, 4\), but weight of shape \(2, 3\) takes \(B, 3\)"
    ):
        linear.forward(np.zeros((5, 4)))
    linear.forward(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"dout has shape \(4, 2\), but y has \(5, 2\)"):
        linear.backward(np.zeros((4, 2)))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 3, 1)])
def test_linear_takes_matrices_only(linear: Linear, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="x has shape"):
        linear.forward(np.zeros(shape))


def test_linear_refuses_another_dtype(linear: Linear) -> None:
    with pytest.raises(
        TypeError, match=r"x of shape \(1, 3\) is float32, but weight of shape \(2, 3\) is float64"
    ):
        linear.forward(np.zeros((1, 3), np.float32))
    linear.forward(np.zeros((1, 3)))
    with pytest.raises(
        TypeError, match=r"dout of shape \(1, 2\) is float32, but y of shape \(1, 2\) is float64"
    ):
        linear.backward(np.zeros((1, 2), np.float32))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(3, 2, rng=np.random.default_rng(0), dtype=int),
        lambda: Conv2d(3, 2, 3, rng=np.random.default_rng(0), dtype=int),
        lambda: BatchNorm(3, dtype=np.int32),
    ],
)
def test_parameters_are_never_whole_numbers(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"dtype is int\d\d, expected a floating dtype"):
        make()


@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (-1, 3)])
def test_linear_needs_features(sizes: tuple[int, int], rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="at least one feature"):
        Linear(*sizes, rng=rng)


@pytest.mark.parametrize("layer", [LeakyReLU(0.1), Softmax()])
def test_activations_name_both_shapes_and_dtypes(layer: LeakyReLU | Softmax) -> None:
    with pytest.raises(ValueError, match=r"shape \(4,\), expected \(B, C\)"):
        layer.forward(np.zeros(4))
    with pytest.raises(TypeError, match="dtype int64"):
        layer.forward(np.zeros((2, 2), np.int64))
    layer.forward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"dout has shape \(2, 2\), but . has \(2, 3\)"):
        layer.backward(np.zeros((2, 2)))
    with pytest.raises(
        TypeError, match=r"dout of shape \(2, 3\) is float32, but . of shape \(2, 3\) is float64"
    ):
        layer.backward(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("slope", [-0.1, float("nan"), float("inf")])
def test_leaky_relu_refuses_senseless_slopes(slope: float) -> None:
    with pytest.raises(ValueError, match="finite and ≥ 0"):
        LeakyReLU(slope)


def test_backward_needs_forward(linear: Linear) -> None:
    dout = np.zeros((1, 2))
    for layer in (linear, LeakyReLU(0.1), Softmax()):
        with pytest.raises(RuntimeError, match=r"backward was called before .*forward"):
            layer.backward(dout)
    for loss in (CrossEntropy(), SoftmaxCrossEntropy()):
        with pytest.raises(RuntimeError, match=r"backward was called before .*forward"):
            loss.backward()


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_out_of_range(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="3 classes are numbered 0 to 2"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.array(labels))
    with pytest.raises(ValueError, match="3 classes are numbered 0 to 2"):
        one_hot(np.array(labels), 3)


def test_losses_name_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"labels have shape \(3,\), but logits \(2, 3\)"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"labels have shape \(2, 3\)"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match=r"labels have shape \(\)"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.array(1))
    with pytest.raises(TypeError, match="whole numbers"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(ValueError, match=r"t has shape \(2, 2\), but p has \(2, 3\)"):
        CrossEntropy().forward(np.full((2, 3), 1 / 3), np.zeros((2, 2)))


@pytest.mark.parametrize("dtype", FLOATS)
def test_logits_of_ten_thousand(dtype: type) -> None:
    loss = SoftmaxCrossEntropy()
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype)
    assert loss.forward(logits, np.array([0, 0])) == pytest.approx(1e4)  # the mean of 0 and 2e4
    np.testing.assert_array_equal(loss.backward(), [[0, 0, 0], [-0.5, 0.5, 0]])
    p = Softmax().forward(logits)
    np.testing.assert_array_equal(p, [[1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("dtype", FLOATS)
def test_cross_entropy_of_a_vanished_probability_is_finite(dtype: type) -> None:
    loss = CrossEntropy()
    value = loss.forward(np.array([[1.0, 0.0]], dtype), np.array([[0.0, 1.0]], dtype))
    assert value == pytest.approx(-np.log(np.finfo(dtype).tiny))
    assert np.isfinite(loss.backward()).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtype_follows_the_parameters(dtype: type, rng: np.random.Generator) -> None:
    mlp, loss = MLP(4, [5], 3, 0.02, rng=rng, dtype=dtype), SoftmaxCrossEntropy()
    logits = mlp.forward(rng.normal(size=(6, 4)).astype(dtype))
    value = loss.forward(logits, np.array([0, 1, 2, 0, 1, 2]))
    dx = mlp.backward(loss.backward())
    p, cross_entropy = Softmax().forward(logits), CrossEntropy()
    plain = cross_entropy.forward(p, one_hot(np.array([0, 1, 2, 0, 1, 2]), 3, dtype))
    arrays = [
        logits,
        value,
        dx,
        p,
        plain,
        cross_entropy.backward(),
        *mlp.params.values(),
        *mlp.grads.values(),
    ]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_a_slope_given_as_a_numpy_scalar_promotes_nothing() -> None:
    layer = LeakyReLU(np.float64(0.1))
    assert layer.forward(np.ones((1, 2), np.float32)).dtype == np.float32


def test_weights_start_small_and_biases_at_zero(rng: np.random.Generator) -> None:
    mlp = MLP(400, [300], 10, 0.02, rng=rng)
    assert list(mlp.params) == ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    weight = mlp.params["linear1.weight"]
    assert weight.shape == (300, 400)
    assert weight.std() == pytest.approx(1e-4, rel=0.02)
    assert abs(weight.mean()) < 2e-6
    assert not mlp.params["linear1.bias"].any()
    assert not any(grad.any() for grad in mlp.grads.values())


def test_a_float32_network_starts_as_its_float64_twin_rounded() -> None:
    single, double = (MLP(4, [3], 2, 0.02, rng=np.random.default_rng(1), dtype=dtype) for dtype in FLOATS)
    for name, param in double.params.items():
        np.testing.assert_array_equal(single.params[name], param.astype(np.float32))
