"""The training loop, the same for every framework: it knows learners and batches, not layers."""

import math
import time
from collections.abc import Callable

from backproof.data.dataset import Split
from backproof.errors import DivergedError
from backproof.training.config import TrainConfig
from backproof.training.learners.protocol import BatchSource, Learner
from backproof.training.record import Point
from backproof.training.train_state import Progress

EVALUATION_BATCH = 500
"""Images at a time: enough for full speed, few enough to stay in the processor's cache."""


def fit(
    learner: Learner,
    batches: BatchSource,
    held_out: Split,
    config: TrainConfig,
    progress: Progress,
    *,
    on_step: Callable[[Progress], None],
    on_point: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> None:
    """Train until ``config.steps`` or until asked to stop, bringing ``progress`` forward in place.

    ``on_point`` follows each evaluation: every ``eval_every`` steps and after the last. A loss that is not
    finite ends the run (DivergedError) before it is counted or saved.
    """
    part = config.judged_on
    since = time.perf_counter()
    while progress.step < config.steps and not should_stop():
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
        if step % config.eval_every == 0 or step == config.steps:
            measured = learner.evaluate(held_out.chunks(EVALUATION_BATCH))
            _require_finite(measured.loss, f"{part} loss at step {step}")
            gradient_norms = learner.gradient_norms()
            for layer, norm in gradient_norms.items():
                _require_finite(norm, f"gradient of {layer} at step {step}")
            n = progress.steps_since_point()
            point = Point(
                step=step,
                train_loss=progress.loss_sum / n,
                train_accuracy=progress.accuracy_sum / n,
                **{f"{part}_loss": measured.loss, f"{part}_accuracy": measured.accuracy},
                gradient_norms=gradient_norms,
            )
            progress.curves.append(point)
            progress.loss_sum = progress.accuracy_sum = 0.0
            now = time.perf_counter()
            progress.seconds += now - since
            on_point(progress)
            since = time.perf_counter()


def _require_finite(number: float, what: str) -> None:
    if not math.isfinite(number):
        raise DivergedError(f"the {what} is {number}")
