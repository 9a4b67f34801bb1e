"""Show a run as it goes: a live bar on a terminal, one line an evaluation elsewhere."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from backproof.cli.output import say

if TYPE_CHECKING:
    from rich.progress import Progress

    from backproof.training.loop import TrainState
    from backproof.training.record import Evaluation

_STEPS_BETWEEN_REFRESHES = 10


class ProgressDisplay:
    """Prints each evaluation; on a terminal a bar below shows step, loss and the time left."""

    def __init__(self, total_steps: int, done_steps: int) -> None:
        self._total = total_steps
        self._done = done_steps
        self._bar: Progress | None = None

    def __enter__(self) -> "ProgressDisplay":
        if self._done < self._total and sys.stdout is not None and sys.stdout.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("step"),
                MofNCompleteColumn(),
                BarColumn(),
                TextColumn("loss {task.fields[loss]}"),
                TimeRemainingColumn(),
                transient=True,
            )
            self._task = self._bar.add_task("", total=self._total, completed=self._done, loss="-")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        """Remove the bar."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def step(self, progress: "TrainState") -> None:
        """Move the bar."""
        if self._bar and progress.step % _STEPS_BETWEEN_REFRESHES == 0:
            loss = progress.loss_sum / progress.steps_since_evaluation()
            self._bar.update(self._task, completed=progress.step, loss=f"{loss:.3f}")

    def evaluation(self, evaluation: "Evaluation") -> None:
        """Print one evaluation."""
        (name, loss), (_, accuracy) = evaluation.metrics().items()
        line = (
            f"step {evaluation.step:>{len(str(self._total))}}/{self._total}"
            f"   train loss {evaluation.train_loss:.4f}  {evaluation.train_accuracy:7.2%}"
            f"   {name.replace('_', ' ')} {loss:.4f}  {accuracy:7.2%}"
        )
        if self._bar:
            self._bar.update(self._task, completed=evaluation.step)
            self._bar.console.print(line, highlight=False)
        else:
            say(line)
        if evaluation.step == self._total:
            self._stop()  # what is left is writing files, of which a bar shows nothing
