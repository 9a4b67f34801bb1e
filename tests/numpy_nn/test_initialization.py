"""Weights that start as a random local map of the image: where they lie, and how large they are."""

import numpy as np
import pytest

from backproof.numpy_nn.conv2d import Conv2d
from backproof.numpy_nn.initialization import draw_local, set_dirac

CHANNELS, SIDE = 3, 16


@pytest.fixture
def weights(rng: np.random.Generator) -> list[np.ndarray]:
    drawn = [np.full(shape, np.nan) for shape in ((400, CHANNELS * SIDE * SIDE), (300, 400), (200, 300))]
    draw_local(drawn, (CHANNELS, SIDE, SIDE), rng)
    return drawn


def test_a_unit_of_the_first_layer_sees_a_square_of_all_channels(weights: list[np.ndarray]) -> None:
    seen = (weights[0] != 0).reshape(400, CHANNELS, SIDE, SIDE)
    assert (seen == seen[:, :1]).all()
    for unit in seen[:, 0]:
        rows, columns = np.flatnonzero(unit.any(axis=1)), np.flatnonzero(unit.any(axis=0))
        assert len(rows) in (3, 4, 5)  # a quarter of 16 pixels
        assert len(columns) in (3, 4, 5)
        assert unit[np.ix_(rows, columns)].all()
        assert np.ptp(rows) == len(rows) - 1
    # Together they see the whole image, but for corners, which few squares reach.
    assert seen.any(axis=0)[:, 1:-1, 1:-1].all()


def test_a_unit_of_the_second_layer_sees_units_near_each_other(weights: list[np.ndarray]) -> None:
    first, second = (weight != 0 for weight in weights[:2])
    pixels = first.reshape(400, CHANNELS, SIDE, SIDE)[:, 0]
    for unit in second:
        seen = pixels[unit].any(axis=0)
        # Half the image, and half a first unit's square beyond on either side.
        assert np.ptp(np.flatnonzero(seen.any(axis=1))) <= 13
        assert np.ptp(np.flatnonzero(seen.any(axis=0))) <= 13
    assert 0.1 < second.mean() < 0.6


def test_every_unit_has_about_the_variance_of_its_inputs(weights: list[np.ndarray]) -> None:
    for weight in weights[:2]:
        squares = np.square(weight).sum(axis=1)
        assert squares.mean() == pytest.approx(1, abs=0.05)
        assert abs(weight[weight != 0].mean()) < 0.01


def test_later_layers_stay_as_they_were(weights: list[np.ndarray]) -> None:
    assert np.isnan(weights[2]).all()


def test_the_same_generator_draws_the_same() -> None:
    draws = []
    for _ in range(2):
        draws.append(np.empty((5, CHANNELS * SIDE * SIDE)))
        draw_local(draws[-1:], (CHANNELS, SIDE, SIDE), np.random.default_rng(4))
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("n_outputs", [2, 3, 5])
def test_dirac_weights_pass_on_what_they_are_given(n_outputs: int, rng: np.random.Generator) -> None:
    layer = Conv2d(3, n_outputs, 3, padding=1, rng=rng)
    drawn = layer.params["weight"].copy()
    set_dirac(layer.params["weight"])
    layer.params["bias"][...] = 0
    x = rng.normal(size=(4, 3, 6, 5))
    np.testing.assert_array_equal(layer.forward(x)[:, :3], x[:, :n_outputs])
    np.testing.assert_array_equal(layer.params["weight"][3:], drawn[3:])
