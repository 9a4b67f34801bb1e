"""BatchNorm of features and of images: gradients in training and evaluation, running statistics, accuracy."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import batch_norm

from backproof.numpy_nn import BatchNorm
from backproof.proof import relative_error
from numpy_nn.layer_proof import assert_layer_proven

SHAPES = [(5, 3), (7, 1), (3, 2, 4, 3), (1, 3, 2, 3), (4, 3, 1, 1)]
PAIRS = [(2, 4), (2, 1, 1, 1), (1, 2, 1, 2)]
"""Of two numbers a channel, ε alone keeps x̂ from being ±1 whatever they are; small, it leaves dx no digit."""
OF_BOTH = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}


@pytest.mark.parametrize(
    ("shape", "eps"),
    [*((shape, eps) for shape in SHAPES for eps in (1e-5, 0.1)), *((pair, 1.0) for pair in PAIRS)],
)
def test_gradients_in_training_are_proven(
    shape: tuple[int, ...], eps: float, rng: np.random.Generator
) -> None:
    assert_layer_proven(
        BatchNorm(shape[1], eps=eps),
        rng.normal(1.0, 2.0, size=shape),
        lambda x, weight, bias: batch_norm(x, None, None, weight, bias, training=True, eps=eps),
        rng,
    )


@pytest.mark.parametrize("shape", [*SHAPES, *PAIRS, (1, 3), (1, 1, 1, 1)])
def test_gradients_in_evaluation_are_proven(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    layer = BatchNorm(shape[1])
    layer.buffers["running_mean"][...] = rng.normal(size=shape[1])
    layer.buffers["running_var"][...] = rng.uniform(0.5, 2, size=shape[1])
    layer.eval()
    statistics = [torch.tensor(layer.buffers[name]) for name in ("running_mean", "running_var")]
    kept = {name: value.copy() for name, value in layer.buffers.items()}
    assert_layer_proven(
        layer,
        rng.normal(size=shape),
        lambda x, weight, bias: batch_norm(x, *statistics, weight, bias),
        rng,
    )
    for name, value in kept.items():
        np.testing.assert_array_equal(layer.buffers[name], value)


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5), (1, 3, 3, 2)])
def test_running_statistics_follow_torchs(
    shape: tuple[int, ...], momentum: float, rng: np.random.Generator
) -> None:
    ours, torchs = BatchNorm(3, momentum=momentum), OF_BOTH[len(shape)](3, momentum=momentum).double()
    arrays = dict(ours.buffers)
    for step in range(6):
        x = rng.normal(step, 1 + step, size=shape)
        assert relative_error(ours.forward(x), torchs(torch.tensor(x)).detach().numpy()) <= 1e-13
        for name, value in ours.buffers.items():
            assert value is arrays[name]
            np.testing.assert_allclose(value, torchs.get_buffer(name).numpy(), rtol=1e-13)
    ours.eval()
    torchs.eval()
    assert relative_error(ours.forward(x), torchs(torch.tensor(x)).detach().numpy()) <= 1e-13


def test_backward_belongs_to_the_forward_before_it_whatever_mode_follows(rng: np.random.Generator) -> None:
    x, dout = rng.normal(size=(2, 6, 3))
    layer = BatchNorm(3)
    layer.forward(x)
    in_training = layer.backward(dout)
    layer.forward(x)
    layer.eval()
    np.testing.assert_array_equal(layer.backward(dout), in_training)
    layer.forward(x)
    layer.train(1)
    assert relative_error(layer.backward(dout), in_training) > 0.1


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_a_single_number_a_channel_has_no_variance(shape: tuple[int, ...]) -> None:
    layer = BatchNorm(3)
    with pytest.raises(ValueError, match="one number a channel"):
        layer.forward(np.ones(shape))
    assert not layer.buffers["running_mean"].any()
    layer.eval()
    np.testing.assert_allclose(layer.forward(np.ones(shape)), np.ones(shape), rtol=1e-5)


@pytest.mark.parametrize("mean", [0, 10, 1e3, 1e5])
@pytest.mark.parametrize("shape", [(200, 8), (16, 8, 12, 12)])
def test_float32_far_from_zero(mean: float, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """Rounding μ moves x̂ by a few times float32's precision times |μ|/σ, and no more is lost."""
    x = (mean + rng.normal(size=shape)).astype(np.float32)
    dout = rng.normal(size=shape).astype(np.float32)
    single, double = BatchNorm(8, dtype=np.float32), BatchNorm(8)
    bound = 6 * np.finfo(np.float32).eps * (3 + mean)
    for ours, exact in zip(
        (single.forward(x), single.backward(dout), *single.grads.values()),
        (double.forward(x.astype(float)), double.backward(dout.astype(float)), *double.grads.values()),
        strict=True,
    ):
        assert ours.dtype == np.float32
        assert relative_error(ours, exact) <= bound
    for name, value in single.buffers.items():
        assert value.dtype == np.float32
        assert relative_error(value, double.buffers[name]) <= max(1e-6, bound**2)


def test_channels_that_do_not_vary_are_their_bias(rng: np.random.Generator) -> None:
    layer = BatchNorm(2)
    layer.params["bias"][...] = [3, -4]
    y = layer.forward(np.full((5, 2), 7.0))
    np.testing.assert_array_equal(y, np.tile([3.0, -4.0], (5, 1)))
    assert np.isfinite(layer.backward(rng.normal(size=(5, 2)))).all()


def test_nan_stays_in_its_channel(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 3, 2, 2))
    x[1, 2, 0, 1] = np.nan
    layer = BatchNorm(3)
    with np.errstate(invalid="ignore"):
        y = layer.forward(x)
    assert np.isfinite(y[:, :2]).all()
    assert np.isnan(y[:, 2]).all()
    assert np.isnan(layer.buffers["running_mean"]).tolist() == [False, False, True]


@pytest.mark.parametrize("shape", [(4, 2), (3,), (0, 3), (4, 3, 5), (4, 5, 5, 3), (4, 3, 0, 2)])
def test_wrong_shapes_are_named(shape: tuple[int, ...]) -> None:
    message = (
        rf"x has shape \({str(shape)[1:-1]}\), but weight of shape \(3,\) takes \(B, 3\) or \(B, 3, H, W\)"
    )
    with pytest.raises(ValueError, match=message):
        BatchNorm(3).forward(np.zeros(shape))


@pytest.mark.parametrize(
    "settings", [{"n_features": 0}, {"eps": -1e-5}, {"eps": np.nan}, {"momentum": 1.5}, {"momentum": np.nan}]
)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="BatchNorm needs"):
        BatchNorm(**{"n_features": 3, **settings})


def test_settings_given_as_numpy_scalars_promote_nothing() -> None:
    layer = BatchNorm(2, eps=np.float64(1e-5), momentum=np.float64(0.1), dtype=np.float32)
    assert layer.forward(np.eye(2, dtype=np.float32)).dtype == np.float32
