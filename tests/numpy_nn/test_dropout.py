"""Dropout: what it drops is a function of seed and step; what it leaves is scaled, and so is the gradient."""

import numpy as np
import pytest
import torch

from backproof.numpy_nn import MLP, Dropout
from numpy_nn.layer_proof import assert_layer_proven


def mask(layer: Dropout, step: int, shape: tuple[int, ...] = (50, 40)) -> np.ndarray:
    layer.train(step)
    return layer.forward(np.ones(shape)) != 0


@pytest.mark.parametrize("shape", [(4, 5), (1, 1), (2, 3, 2, 4)])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_gradients_are_proven(shape: tuple[int, ...], fraction: float, rng: np.random.Generator) -> None:
    layer = Dropout(fraction, seed=3)
    factor = torch.tensor(layer.forward(np.ones(shape)))
    assert_layer_proven(layer, rng.normal(size=shape), lambda x: x * factor, rng)


def test_the_same_seed_and_step_drop_the_same() -> None:
    first, second = Dropout(0.5, seed=(7, 2)), Dropout(0.5, seed=[7, 2])
    masks = [mask(first, step) for step in (0, 1, 2)]
    for step in (2, 0, 1, 0):
        np.testing.assert_array_equal(mask(second, step), masks[step])
    np.testing.assert_array_equal(Dropout(0.5, seed=(7, 2)).forward(np.ones((50, 40))) != 0, masks[0])


def test_other_steps_seeds_and_layers_drop_others() -> None:
    seeds_and_steps = [(7, 0), (7, 1), (7, 2**40), (8, 0), ((7, 1), 0), ((7, 2), 0), ((8, 1), 0), ((7, 1), 1)]
    masks = [mask(Dropout(0.5, seed=seed), step) for seed, step in seeds_and_steps]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert 0.4 < (one == other).mean() < 0.6


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.95])
def test_a_fraction_is_dropped_and_the_rest_scaled(fraction: float) -> None:
    layer = Dropout(fraction, seed=0)
    y = layer.forward(np.full((400, 500), 3.0))
    assert (y == 0).mean() == pytest.approx(fraction, abs=0.005)
    np.testing.assert_allclose(y[y != 0], 3 / (1 - fraction), rtol=1e-15)
    assert y.mean() == pytest.approx(3, rel=0.02)


def test_evaluation_changes_nothing(rng: np.random.Generator) -> None:
    layer = Dropout(0.8, seed=0)
    x, dout = rng.normal(size=(2, 6, 5))
    layer.eval()
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(dout), dout)
    layer.train(4)
    assert (layer.forward(x) == 0).any()


def test_backward_has_the_mask_of_the_forward_before_it(rng: np.random.Generator) -> None:
    layer = Dropout(0.5, seed=0)
    x, dout = rng.normal(size=(2, 6, 5))
    y = layer.forward(x)
    layer.train(1)
    np.testing.assert_allclose(layer.backward(dout), dout * (y / x), rtol=1e-14)
    layer.eval()
    np.testing.assert_array_equal(layer.backward(dout) == 0, y == 0)


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_other_fractions_are_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="0 or more and below 1"):
        Dropout(fraction, seed=0)


@pytest.mark.parametrize("seed", [-1, (3, -1)])
def test_negative_seeds_are_refused(seed: int | tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        Dropout(0.5, seed=seed)


def test_whole_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="dtype int64"):
        Dropout(0.5, seed=0).forward(np.ones((2, 2), np.int64))


def test_numpy_scalars_promote_nothing_and_may_be_seeds() -> None:
    layer = Dropout(np.float64(0.5), seed=np.int64(3))
    assert layer.forward(np.ones((3, 3), np.float32)).dtype == np.float32
    np.testing.assert_array_equal(mask(layer, np.int64(5)), mask(Dropout(0.5, seed=3), 5))


def test_every_layer_of_an_mlp_drops_its_own(rng: np.random.Generator) -> None:
    mlp = MLP(4, [30, 30], 3, 0.1, dropout=0.5, dropout_seed=5, rng=rng)
    first, second = (mlp.layers[name] for name in ("dropout1", "dropout2"))
    assert (mask(first, 3) != mask(second, 3)).any()
    mlp.eval()
    x = rng.normal(size=(6, 4))
    np.testing.assert_array_equal(mlp.forward(x), mlp.forward(x))
    mlp.train(8)
    in_step_8 = mlp.forward(x)
    mlp.train(9)
    assert (mlp.forward(x) != in_step_8).any()
    mlp.train(8)
    np.testing.assert_array_equal(mlp.forward(x), in_step_8)
