"""Train a run to its end: the loop, checkpoints, predictions, record. It prints and draws nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import msgspec
import numpy as np

from backproof.errors import DivergedError, LostProcessError, RunError
from backproof.files import remove_all_temporary_files
from backproof.training import checkpoint, environment, predictions, record
from backproof.training.allocator import keep_freed_memory
from backproof.training.loop import TrainState
from backproof.training.record import Evaluation, RunRecord
from backproof.training.run import Run


@dataclass(frozen=True)
class Callbacks:
    """What is called while a run trains; by default nothing happens and nothing stops it."""

    on_step: Callable[[TrainState], None] = lambda _: None
    """After each step."""
    on_evaluation: Callable[[Evaluation], None] = lambda _: None
    """After each evaluation, once it is saved."""
    before_record: Callable[[Path, RunRecord], None] = lambda _, __: None
    """At the end, before the record is written into the run's folder (OSError): for pictures of it."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked before each step."""


_NO_CALLBACKS = Callbacks()


def train(run: Run, callbacks: Callbacks = _NO_CALLBACKS) -> RunRecord | None:
    """Train to the end and write the record, or save and return None when asked to stop.

    A finished run is only read. Of several processes, the first one saves, makes the calls and returns the
    record, the others None. Raises DivergedError and RunError; the latest checkpoint is then still there.
    """
    keep_freed_memory()
    try:
        if run.processes.rank == 0:
            return _train_first(run, callbacks)
        _train(run, Callbacks(should_stop=callbacks.should_stop))
        return None
    except LostProcessError as error:
        raise LostProcessError(
            f"{run.folder} is left as last saved, go on with --resume {run.folder}: {error}"
        ) from None


def _train_first(run: Run, callbacks: Callbacks) -> RunRecord | None:
    """Do all that the first process, or the only one, has to."""
    with _only_process_in(run.folder):
        if checkpoint.read(run.folder).progress.step != run.progress.step:
            raise RunError(f"{run.folder} was trained further by another process; --resume it once more")
        if run.finished and (run.folder / record.FILE_NAME).is_file():
            return record.read(run.folder)
        try:
            _train(run, callbacks)
        except DivergedError as error:
            raise DivergedError(
                f"{error}: training diverged; try a learning_rate below {run.config.learning_rate:g} "
                f"in a new run ({run.folder} is left as last saved)"
            ) from None
        if not run.finished:
            _save(run)
            return None
        return _finish(run, callbacks)


def _train(run: Run, callbacks: Callbacks) -> None:
    """Train to the end or until asked to stop, saving at each evaluation (DivergedError, RunError)."""

    def save_evaluation(progress: TrainState) -> None:
        if run.processes.rank:
            return
        began = time.perf_counter()
        _save(run)
        progress.seconds += time.perf_counter() - began
        callbacks.on_evaluation(progress.curves[-1])

    run.fit(callbacks.on_step, save_evaluation, callbacks.should_stop)
    if not run.finished:
        _require_finite(run)


def _require_finite(run: Run) -> None:
    """Refuse to save weights that overflowed in the last update, which no loss has shown yet."""
    for name, array in run.learner.state().items():
        if not np.isfinite(array).all():
            raise DivergedError(f"{name} is no longer finite after step {run.progress.step}")


def _save(run: Run) -> None:
    """Save a run that has begun: if that fails, what was saved before is still whole (RunError)."""
    try:
        run.save(run.folder)
    except OSError as error:
        raise RunError(
            f"cannot save step {run.progress.step} in {run.folder}: {error.strerror}; "
            f"the checkpoint before is still there: make room, then go on with --resume {run.folder}"
        ) from None


def _finish(run: Run, callbacks: Callbacks) -> RunRecord:
    """Write the predictions, have pictures drawn, then write the record, which makes the run complete."""
    finished = run.record()
    try:
        predictions.write(
            run.folder, predictions.predict(run.learner, run.evaluation_split, run.dataset.classes)
        )
        callbacks.before_record(run.folder, finished)
        finished = msgspec.structs.replace(finished, peak_rss_mb=environment.peak_rss_mb())
        record.write(run.folder, finished)
    except OSError as error:
        raise RunError(
            f"cannot write into {run.folder}: {error.strerror}; the trained network is safe in it: "
            f"make room, then --resume {run.folder}"
        ) from None
    return finished


@contextmanager
def _only_process_in(folder: Path) -> Iterator[None]:
    """Keep a second process out of a run's folder (RunError)."""
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise RunError(f"another process is training {folder}; wait for it to end, then --resume") from None
    except OSError as error:
        raise RunError(f"cannot write into {folder}: {error.strerror}; training needs to") from None
    try:
        remove_all_temporary_files(folder)
        yield
    finally:
        lock.release()
