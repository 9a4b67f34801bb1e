"""The training loop, the same for every framework: it knows learners and batches, not layers."""

import math
import time
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from backproof.data.dataset import Split
from backproof.errors import DivergedError
from backproof.training.learners.protocol import BatchSource, Learner, Metrics
from backproof.training.record import Evaluation

EVALUATION_BATCH = 500
"""Images at a time: enough for full speed, few enough to stay in the processor's cache."""


class TrainState(msgspec.Struct):
    """How far a run has come: with the learner's state, all that is needed to resume it."""

    step: Annotated[int, msgspec.Meta(ge=0)] = 0
    curves: list[Evaluation] = []
    loss_sum: float = 0.0
    """Over the batches since the last evaluation, as is accuracy_sum."""
    accuracy_sum: float = 0.0
    seconds: float = 0.0
    training_seconds: float = 0.0
    averaged: dict[str, float] = {}
    """Loss and accuracy at the end, averaged over views of each image."""

    def steps_since_evaluation(self) -> int:
        """Return how many batches the two sums hold."""
        return self.step - (self.curves[-1].step if self.curves else 0)


def fit(
    learner: Learner,
    batches: BatchSource,
    evaluation_split: Split,
    progress: TrainState,
    *,
    steps: int,
    learning_rate: Callable[[int], float],
    eval_every: int,
    views: int,
    evaluation_split_name: Literal["validation", "test"],
    on_step: Callable[[TrainState], None],
    on_evaluation: Callable[[TrainState], None],
    should_stop: Callable[[], bool],
) -> None:
    """Train until step ``steps`` or until asked to stop, updating ``progress`` in place.

    ``learning_rate`` returns that of each step. ``on_evaluation`` follows each evaluation: every
    ``eval_every`` steps and after the last, which is also averaged over ``views`` if there are more. A loss
    that is not finite ends the run (DivergedError) before it is counted or saved.
    """
    since = time.perf_counter()
    while progress.step < steps and not should_stop():
        step = progress.step + 1
        learner.learning_rate = learning_rate(step)
        metrics = learner.step(*batches[step])
        _require_finite(metrics.loss, f"training loss at step {step}")
        progress.step = step
        progress.loss_sum += metrics.loss
        progress.accuracy_sum += metrics.accuracy
        now = time.perf_counter()
        progress.training_seconds += now - since
        progress.seconds += now - since
        since = now
        on_step(progress)
        if step % eval_every == 0 or step == steps:
            measured = learner.evaluate(evaluation_split.chunks(EVALUATION_BATCH))
            _require_finite(measured.loss, f"{evaluation_split_name} loss at step {step}")
            gradient_norms = learner.gradient_norms()
            for layer, norm in gradient_norms.items():
                _require_finite(norm, f"gradient of {layer} at step {step}")
            if step == steps and views > 1:
                averaged = learner.evaluate(evaluation_split.chunks(EVALUATION_BATCH), views)
                progress.averaged = _named(averaged, evaluation_split_name)
            n = progress.steps_since_evaluation()
            evaluation = Evaluation(
                step=step,
                train_loss=progress.loss_sum / n,
                train_accuracy=progress.accuracy_sum / n,
                **_named(measured, evaluation_split_name),
                gradient_norms=gradient_norms,
            )
            progress.curves.append(evaluation)
            progress.loss_sum = progress.accuracy_sum = 0.0
            now = time.perf_counter()
            progress.seconds += now - since
            on_evaluation(progress)
            since = time.perf_counter()


def _named(metrics: Metrics, split_name: str) -> dict[str, float]:
    return {f"{split_name}_loss": metrics.loss, f"{split_name}_accuracy": metrics.accuracy}


def _require_finite(number: float, what: str) -> None:
    if not math.isfinite(number):
        raise DivergedError(f"the {what} is {number}")
