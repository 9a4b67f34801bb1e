"""The average of weights; torch_nn/test_training_by_hand.py compares a trained network's with torch's."""

import copy
import tracemalloc
from typing import Any

import numpy as np
import pytest

from backproof.numpy_nn import ConvNet, WeightAverage

Arrays = dict[str, np.ndarray[Any, Any]]


def drawn(rng: np.random.Generator) -> Arrays:
    """Draw weights, one of them of several chunks."""
    return {"large": rng.normal(size=(300, 500)), "small": rng.normal(size=3)}


def updated(averaging: WeightAverage, weights: Arrays, values: list[Arrays]) -> None:
    for each in values:
        for name, weight in weights.items():
            weight[...] = each[name]
        averaging.update()
        for name, weight in weights.items():
            np.testing.assert_array_equal(weight, each[name])


def test_the_first_update_copies_and_later_ones_average(rng: np.random.Generator) -> None:
    weights, averages, values = drawn(rng), drawn(rng), [drawn(rng) for _ in range(3)]
    averaging = WeightAverage(averages, weights, 0.75)
    updated(averaging, weights, values[:1])
    for name, average in averages.items():
        np.testing.assert_array_equal(average, values[0][name])
    updated(averaging, weights, values[1:])
    for name, average in averages.items():
        first, second, third = (each[name] for each in values)
        np.testing.assert_allclose(average, 0.5625 * first + 0.1875 * second + 0.25 * third, atol=1e-14)


def test_a_loaded_state_goes_on_to_the_bit(rng: np.random.Generator) -> None:
    values = [drawn(rng) for _ in range(6)]
    weights, averages = drawn(rng), drawn(rng)
    averaging = WeightAverage(averages, weights, 0.9)
    updated(averaging, weights, values[:2])
    later = {name: average.copy() for name, average in averages.items()}
    saved = {name: array.copy() for name, array in averaging.state.items()}
    updated(averaging, weights, values[2:])

    resumed = WeightAverage(later, weights, 0.9)
    for name, array in saved.items():
        resumed.state[name][...] = array
    updated(resumed, weights, values[2:])
    for name, average in averages.items():
        np.testing.assert_array_equal(later[name], average)


def test_weights_that_stay_are_their_own_average_in_float32(rng: np.random.Generator) -> None:
    """Scaled by β = 0.9999 and 1 − β, which do not add up to 1 there, they would drift by 0.0003."""
    weights = {"w": rng.normal(size=100).astype(np.float32)}
    averages = {"w": np.zeros(100, np.float32)}
    averaging = WeightAverage(averages, weights, 0.9999)
    for _ in range(200):
        averaging.update()
    np.testing.assert_array_equal(averages["w"], weights["w"])


def test_a_convnet_s_copy_takes_the_average_with_its_running_statistics(rng: np.random.Generator) -> None:
    network = ConvNet(3, 4, rng=rng, dtype=np.float32)
    averaged = copy.deepcopy(network)
    weights = network.params | network.buffers
    averaging = WeightAverage(averaged.params | averaged.buffers, weights, 0.5)
    values = []
    for _ in range(2):
        for array in weights.values():
            array[...] = rng.normal(size=array.shape)
        values.append({name: array.copy() for name, array in weights.items()})
        averaging.update()
    own = averaged.params | averaged.buffers
    assert any("running_mean" in name for name in own)
    for name, average in own.items():
        assert not np.shares_memory(average, weights[name])
        np.testing.assert_allclose(average, (values[0][name] + values[1][name]) / 2, atol=1e-6)


def test_an_update_takes_no_fresh_memory(rng: np.random.Generator) -> None:
    averaging = WeightAverage(drawn(rng), drawn(rng), 0.9)
    averaging.update()
    tracemalloc.start()
    try:
        averaging.update()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300 * 500 * 8 / 100


@pytest.mark.parametrize("decay", [-0.1, 1.0, np.nan])
def test_no_other_decay(decay: float) -> None:
    with pytest.raises(ValueError, match=r"decay has to be in \[0, 1\), but is"):
        WeightAverage({"w": np.zeros(2)}, {"w": np.zeros(2)}, decay)


@pytest.mark.parametrize(
    ("averages", "weights", "error", "message"),
    [
        ({}, {"w": np.zeros(2)}, ValueError, "w: the parameter has no average of this name"),
        ({"w": np.zeros(3)}, {"w": np.zeros(2)}, ValueError, "its average's are"),
        ({"w": np.zeros(2, np.float32)}, {"w": np.zeros(2)}, ValueError, "its average's are"),
        ({"w": np.zeros(2, int)}, {"w": np.zeros(2, int)}, TypeError, "updates are of real numbers"),
        ({}, {}, ValueError, "at least one parameter"),
    ],
)
def test_what_cannot_be_averaged_is_refused(
    averages: Arrays, weights: Arrays, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        WeightAverage(averages, weights, 0.9)
