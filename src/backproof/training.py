"""Take a run to its end: train, save, draw, record."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec
import numpy as np

from backproof import checkpoint, environment, evidence, record
from backproof.display import ProgressDisplay
from backproof.errors import DivergedError, LostProcessError, RunError
from backproof.files import remove_litter
from backproof.fit import fit
from backproof.memory import keep_freed_memory
from backproof.progress import Progress
from backproof.record import RunRecord
from backproof.run import Run


def advance(run: Run, should_stop: Callable[[], bool] = lambda: False) -> RunRecord | None:
    """Train to the end and write pictures and record, or save and return None when asked to stop.

    A run that is complete is left as it is. Of several processes, the first one saves, draws and returns the
    record, the others None. Raises DivergedError and RunError; the latest checkpoint is then still there.
    """
    keep_freed_memory()
    try:
        if run.processes.rank == 0:
            return _advance_first(run, should_stop)
        _train(run, should_stop)
        return None
    except LostProcessError as error:
        raise LostProcessError(
            f"{run.folder} is left as last saved, go on with --resume {run.folder}: {error}"
        ) from None


def _advance_first(run: Run, should_stop: Callable[[], bool]) -> RunRecord | None:
    """Do all that the first process, or the only one, has to."""
    with _only_process_in(run.folder):
        if checkpoint.read(run.folder).progress.step != run.progress.step:
            raise RunError(f"{run.folder} was trained further by another process; --resume it once more")
        if run.finished and (run.folder / record.FILE_NAME).is_file():
            return record.read(run.folder)
        try:
            _train(run, should_stop)
        except DivergedError as error:
            raise DivergedError(
                f"{error}: training diverged; try a learning_rate below {run.config.learning_rate:g} "
                f"in a new run ({run.folder} is left as last saved)"
            ) from None
        if not run.finished:
            _save(run)
            return None
        return _conclude(run)


def _train(run: Run, should_stop: Callable[[], bool]) -> None:
    """Train to the end or until asked to stop, saving at each evaluation (DivergedError, RunError)."""
    processes = run.processes
    with ProgressDisplay(run.config.steps, run.progress.step, silent=processes.rank > 0) as display:

        def evaluated(progress: Progress) -> None:
            if processes.rank:
                return
            began = time.perf_counter()
            _save(run)
            progress.seconds += time.perf_counter() - began
            display.point(progress.curves[-1])

        fit(
            run.learner,
            run.batches,
            run.held_out.part(processes.rank, processes.count),
            run.config,
            run.progress,
            on_step=display.step,
            on_point=evaluated,
            should_stop=lambda: processes.any(should_stop()),
        )
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


def _conclude(run: Run) -> RunRecord:
    """Keep the evidence, draw the curves, then write the record: where it lies, the run is complete."""
    from backproof.report import curves

    progress = run.progress
    finished = RunRecord(
        recipe=run.recipe.name,
        config=run.recipe.settings_of(run.config),
        curves=progress.curves,
        final=progress.curves[-1].evaluation(),
        seconds=progress.seconds,
        processes=run.processes.count,
        images_per_second=progress.step * run.config.batch_size / progress.training_seconds,
        peak_rss_mb=None,
        environment=environment.describe(run.learner.device),
        seed=run.config.seed,
    )
    try:
        evidence.write(run.folder, evidence.gather(run.learner, run.held_out, run.dataset.classes))
        curves.save(curves.draw(finished), run.folder)
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
        for name in (checkpoint.FILE_NAME, record.FILE_NAME, evidence.FILE_NAME, "curves.svg", "curves.png"):
            remove_litter(folder / name)
        yield
    finally:
        lock.release()
