"""The training loop, the same for every framework: it knows learners and batches, not layers."""

import math
import time
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from backproof.data.dataset import Split
from backproof.errors import DivergedError
from backproof.training.learners.protocol import BatchSource, Learner
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
    eval_every: int,
    evaluation_split_name: Literal["validation", "test"],
    on_step: Callable[[TrainState], None],
    on_evaluation: Callable[[TrainState], None],
    should_stop: Callable[[], bool],
) -> None:
    """Train until step ``steps`` or until asked to stop, updating ``progress`` in place.

    ``on_evaluation`` follows each evaluation: every ``eval_every`` steps and after the last. A loss that is
    not finite ends the run (DivergedError) before it is counted or saved.
    """
    since = time.perf_counter()
    while progress.step < steps and not should_stop():
        step = progress.step + 1
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
            n = progress.steps_since_evaluation()
            evaluation = Evaluation(
                step=step,
                train_loss=progress.loss_sum / n,
                train_accuracy=progress.accuracy_sum / n,
                **{
                    f"{evaluation_split_name}_loss": measured.loss,
                    f"{evaluation_split_name}_accuracy": measured.accuracy,
                },
                gradient_norms=gradient_norms,
            )
            progress.curves.append(evaluation)
            progress.loss_sum = progress.accuracy_sum = 0.0
            now = time.perf_counter()
            progress.seconds += now - since
            on_evaluation(progress)
            since = time.perf_counter()


def _require_finite(number: float, what: str) -> None:
    if not math.isfinite(number):
        raise DivergedError(f"the {what} is {number}")
