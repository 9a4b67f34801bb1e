"""The loop, with a learner that has no network: it sees batches and states, and nothing else."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from backproof.data.batches import Batches
from backproof.data.dataset import Split
from backproof.errors import DivergedError
from backproof.training.learners.protocol import Metrics, State
from backproof.training.loop import TrainState, fit


class Listener:
    """Pretends to learn: its loss is a list's next entry."""

    def __init__(self, losses: Iterable[float], test_loss: float = 0.5) -> None:
        self.losses, self.test_loss = iter(losses), test_loss
        self.seen: list[np.ndarray] = []

    def step(self, images: np.ndarray, labels: np.ndarray) -> Metrics:
        assert images.dtype == np.float32
        self.seen.append(labels.copy())
        return Metrics(next(self.losses), 0.25)

    def evaluate(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Metrics:
        return Metrics(self.test_loss, sum(len(labels) for _, labels in batches) / 100)

    def gradient_norms(self) -> dict[str, float]:
        return {"linear1": 2.0}

    def first_weights(self) -> Any:
        raise AssertionError

    def probabilities(self, images: np.ndarray) -> Any:
        raise AssertionError(images)

    def state(self) -> State:
        return {}

    def load_state(self, state: State) -> None:
        raise AssertionError(state)


@pytest.fixture
def split(rng: np.random.Generator) -> Split:
    pixels = rng.integers(0, 256, (30, 3, 32, 32), dtype=np.uint8)
    return Split(pixels, np.arange(30) % 10, np.zeros((3, 32, 32), np.float32))


def run_fit(
    learner: Listener, split: Split, progress: TrainState, **settings: Any
) -> tuple[list[int], list[int]]:
    steps: list[int] = []
    evaluations: list[int] = []
    fit(
        learner,
        Batches(split, 10, seed=0),
        split,
        progress,
        **{"steps": 7, "eval_every": 3, "views": 1, "evaluation_split_name": "test", **settings},
        learning_rate=lambda step: step / 100,
        on_step=lambda progress: steps.append(progress.step),
        on_evaluation=lambda progress: evaluations.append(progress.curves[-1].step),
        should_stop=lambda: False,
    )
    return steps, evaluations


def test_evaluates_every_so_often_and_at_the_end(split: Split) -> None:
    progress = TrainState()
    steps, evaluations = run_fit(Listener([1, 2, 3, 4, 5, 6, 7]), split, progress)
    assert steps == [1, 2, 3, 4, 5, 6, 7]
    assert evaluations == [3, 6, 7]
    assert [evaluation.train_loss for evaluation in progress.curves] == [2, 5, 7]
    assert {(evaluation.test_loss, evaluation.test_accuracy) for evaluation in progress.curves} == {
        (0.5, 0.3)
    }
    assert all(evaluation.gradient_norms == {"linear1": 2.0} for evaluation in progress.curves)


def test_an_end_that_is_an_evaluation_has_one_point(split: Split) -> None:
    _, evaluations = run_fit(Listener([1] * 6), split, TrainState(), steps=6)
    assert evaluations == [3, 6]


def test_goes_on_from_where_it_was(split: Split) -> None:
    whole, part = Listener([1] * 7), Listener([1] * 3)
    run_fit(whole, split, TrainState())
    steps, _ = run_fit(part, split, TrainState(step=4))
    assert steps == [5, 6, 7]
    for ours, theirs in zip(part.seen, whole.seen[4:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run_uncounted(split: Split, loss: float) -> None:
    progress = TrainState()
    with pytest.raises(DivergedError, match=f"training loss at step 5 is {loss}"):
        run_fit(Listener([1, 1, 1, 1, loss]), split, progress)
    assert progress.step == 4
    assert [evaluation.step for evaluation in progress.curves] == [3]


def test_a_test_loss_that_is_not_finite_ends_the_run(split: Split) -> None:
    with pytest.raises(DivergedError, match="test loss at step 3 is inf"):
        run_fit(Listener([1, 1, 1], test_loss=float("inf")), split, TrainState())


def test_a_gradient_that_is_not_finite_ends_the_run(split: Split) -> None:
    learner = Listener([1, 1, 1])
    learner.gradient_norms = lambda: {"linear1": 1.0, "linear2": float("nan")}
    with pytest.raises(DivergedError, match="gradient of linear2 at step 3 is nan"):
        run_fit(learner, split, TrainState())
