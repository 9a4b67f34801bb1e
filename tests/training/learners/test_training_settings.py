"""What the settings of training do to a step and an evaluation, in both frameworks alike."""

from typing import Any

import numpy as np
import pytest

from backproof.training.learners.protocol import Learner
from backproof.training.recipes import find_recipe

SHAPE = (3, 8, 8)
Batch = tuple[np.ndarray, np.ndarray]
both = pytest.mark.parametrize("name", ["mlp-torch", "mlp-numpy-batchnorm"])


def make(name: str, **settings: Any) -> Learner:
    recipe = find_recipe(name)
    common = {"hidden": (24, 16), "batch_norm": "manual", "optimizer": "sgd", "learning_rate": 0.1}
    config = recipe.configure(common, {"weight_decay": 0.0, "initialization": "uniform"}, settings)
    return recipe.make_learner(config, SHAPE, 10, np.random.default_rng(3))


@pytest.fixture
def batch(rng: np.random.Generator) -> Batch:
    return rng.normal(size=(30, *SHAPE)).astype(np.float32), rng.integers(0, 10, 30)


def own_arrays(learner: Learner) -> dict[str, np.ndarray]:
    """Return copies of parameters and running statistics, by the same names in both frameworks."""
    return {
        name.removeprefix("network."): array.astype(np.float64)
        for name, array in learner.state().items()
        if not name.startswith(("average.", "optimizer.")) and array.ndim
    }


@both
def test_the_learning_rate_is_that_of_the_next_step(name: str, batch: Batch) -> None:
    moves = []
    for rate in (0.1, 0.025):
        learner = make(name)
        before = own_arrays(learner)["linear1.weight"]
        learner.learning_rate = rate
        learner.step(*batch)
        moves.append(own_arrays(learner)["linear1.weight"] - before)
    np.testing.assert_allclose(moves[0], 4 * moves[1], rtol=0, atol=1e-7)
    assert np.abs(moves[0]).max() > 1e-4


@both
def test_what_is_evaluated_is_the_average(name: str, batch: Batch) -> None:
    averaging, plain = make(name, ema_decay=0.6), make(name)
    average: dict[str, np.ndarray] = {}
    for _ in range(4):
        averaging.step(*batch)
        plain.step(*batch)
        now = own_arrays(plain)
        average = {key: 0.6 * average.get(key, array) + 0.4 * array for key, array in now.items()}
        for key, array in own_arrays(averaging).items():  # training goes on from the weights themselves
            np.testing.assert_array_equal(array, now[key], err_msg=key)
    prefix = "network." if name == "mlp-torch" else ""
    plain.load_state(
        {
            key: average[short].astype(array.dtype)
            if (short := key.removeprefix(prefix)) in average
            else array
            for key, array in plain.state().items()
        }
    )
    np.testing.assert_allclose(averaging.probabilities(batch[0]), plain.probabilities(batch[0]), rtol=1e-4)
    np.testing.assert_allclose(averaging.first_weights(), plain.first_weights(), rtol=1e-4, atol=1e-7)
    assert averaging.evaluate([batch]).loss == pytest.approx(plain.evaluate([batch]).loss, rel=1e-5)


@both
def test_smoothed_targets_count_in_training_alone(name: str, batch: Batch) -> None:
    smoothed, plain = make(name, label_smoothing=0.3), make(name)
    evaluated = smoothed.evaluate([batch]).loss
    assert evaluated == plain.evaluate([batch]).loss
    # At a smoothing of all but nothing, every class counts alike.
    losses = [make(name, label_smoothing=part).step(*batch).loss for part in (0.0, 0.3, 0.999999)]
    assert losses[1] == pytest.approx(0.7 * losses[0] + 0.3 * losses[2], rel=1e-5)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


@both
def test_a_clipped_step_is_as_long_as_the_clipped_gradient(name: str, batch: Batch) -> None:
    learner = make(name, clip_norm=0.05)
    before = own_arrays(learner)
    learner.step(*batch)
    moves = [
        array - before[key]
        for key, array in own_arrays(learner).items()
        if key.endswith((".weight", ".bias"))
    ]
    length = np.sqrt(sum(float(np.square(move).sum()) for move in moves))
    assert length == pytest.approx(0.1 * 0.05, rel=1e-3)


@both
def test_an_evaluation_averages_the_probabilities_of_the_views(name: str, batch: Batch) -> None:
    learner = make(name)
    images, labels = batch
    mirrored = np.ascontiguousarray(images[:, :, :, ::-1])
    mean = (learner.probabilities(images).astype(np.float64) + learner.probabilities(mirrored)) / 2
    averaged = learner.evaluate([batch], 2)
    assert averaged.accuracy == np.mean(mean.argmax(axis=1) == labels)
    assert averaged.loss == pytest.approx(-np.log(mean[np.arange(30), labels]).mean(), rel=1e-5)
    assert learner.evaluate([batch]).loss != pytest.approx(averaged.loss, rel=1e-4)


@both
def test_local_weights_start_in_a_part_of_the_image(name: str) -> None:
    learner = make(name, initialization="local")
    first = learner.first_weights().reshape(24, *SHAPE)
    for unit in first:
        rows, columns = (np.flatnonzero(np.abs(unit).sum(axis=axes)) for axes in ((0, 2), (0, 1)))
        assert 1 <= np.ptp(rows) + 1 <= 3
        assert 1 <= np.ptp(columns) + 1 <= 3
    assert len({tuple(np.argwhere(unit[0])[0]) for unit in first}) > 5
    second = own_arrays(learner)["linear2.weight"]
    assert 0.1 < np.mean(second != 0) < 0.6
    assert np.all(own_arrays(learner)["linear3.weight"] != 0)
    assert np.square(first).sum(axis=(1, 2, 3)).mean() == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("name", ["convnet", "convnet-numpy"])
def test_dirac_starts_every_convolution_but_the_first_with_copies(name: str) -> None:
    recipe = find_recipe(name)
    weights = {}
    for dirac in (False, True):
        config = recipe.configure({"dirac": dirac})
        learner = recipe.make_learner(config, (3, 32, 32), 10, np.random.default_rng(3))
        weights[dirac] = {key: array for key, array in own_arrays(learner).items() if array.ndim == 4}
    first, *later = weights[True]
    np.testing.assert_array_equal(weights[True][first], weights[False][first])
    assert len(later) == 7
    for key in later:
        weight, n_copies = weights[True][key], weights[True][key].shape[1]
        copies = weight[:n_copies]
        np.testing.assert_array_equal(copies[:, :, 1, 1], np.eye(n_copies))
        assert np.count_nonzero(copies) == n_copies
        np.testing.assert_array_equal(weight[n_copies:], weights[False][key][n_copies:])
