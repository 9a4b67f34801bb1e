"""One run from settings to record: its folder, its checkpoints, its end.

A run's folder appears whole, with a checkpoint in it, and the checkpoint is only ever replaced by a newer
whole one; ``record.json`` is written last. So a run killed at any moment can go on, and one that has a
record is finished.
"""

import errno
import importlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock
import msgspec
import numpy as np

from backproof import checkpoint, config, data, environment, record
from backproof.checkpoint import Checkpoint
from backproof.config import TrainConfig
from backproof.data import Batches, Dataset, Split
from backproof.data.cache import expanded
from backproof.display import ProgressDisplay
from backproof.errors import DivergedError, RunError
from backproof.files import appearing_folder, remove_litter
from backproof.fit import fit
from backproof.learner import Learner
from backproof.progress import Progress
from backproof.recipes import Recipe, find_recipe
from backproof.record import RunRecord

_NAMES_TRIED = 100
_NAME_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


@dataclass(frozen=True)
class Run:
    """A run in memory: settings, data, network, and how far it has come."""

    folder: Path
    recipe: Recipe
    config: TrainConfig
    dataset: Dataset
    batches: Batches
    learner: Learner
    progress: Progress

    @property
    def finished(self) -> bool:
        """Tell whether every step is done."""
        return self.progress.step >= self.config.steps

    @property
    def held_out(self) -> Split:
        """The images that the run is judged on: those set aside if there are any, else the test set."""
        return self.dataset.validation or self.dataset.test

    def save(self, folder: Path) -> None:
        """Write into ``folder`` all that going on needs (OSError)."""
        saved = Checkpoint(
            recipe=self.recipe.name,
            config=self.config.as_dict(),
            classes=self.dataset.classes,
            mean=self.dataset.train.mean,
            learner=self.learner.state(),
            progress=self.progress,
        )
        checkpoint.write(folder, saved)


def start(recipe: Recipe, settings: TrainConfig, out: Path | None = None) -> Run:
    """Make a new run and its folder: ``out``, or ``runs/<recipe>-<time>``.

    Raises ConfigError, DataError and RunError.
    """
    if out is not None and os.path.lexists(out):
        raise RunError(f"{out} exists already and is left as it is; choose another --out, or --resume {out}")
    run = _assemble(Path(), recipe, _from_everywhere(settings), Progress())
    try:
        return replace(run, folder=_make_folder(run, [out] if out is not None else _default_folders(recipe)))
    except OSError as error:
        folder = out or Path("runs")
        raise RunError(
            f"cannot make the run's folder {folder}: {error.strerror}; name another place with --out"
        ) from None


def _make_folder(run: Run, names: Iterable[Path]) -> Path:
    """Make the first folder whose name is free, the run's first checkpoint in it (OSError)."""
    taken = OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    for folder in names:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with appearing_folder(folder) as temporary:
                run.save(temporary)
            return folder
        except OSError as error:
            if error.errno not in _NAME_TAKEN:
                raise
            taken = error
    raise taken


def resume(folder: Path, data_dir: str | None = None) -> Run:
    """Read a run as its latest checkpoint left it; ``data_dir`` names its images if they have moved.

    Raises RunError and DataError.
    """
    saved = checkpoint.read(folder)
    settings = config.build(saved.config, {"data_dir": data_dir} if data_dir is not None else {})
    settings = _from_everywhere(settings)
    run = _assemble(folder, find_recipe(saved.recipe), settings, saved.progress)
    if not np.array_equal(run.dataset.train.mean, saved.mean):
        raise RunError(
            f"{folder} was trained on other images than those of {settings.data} found now; see --data-dir"
        )
    _load_state(run.learner, folder, saved)
    return run


def _from_everywhere(settings: TrainConfig) -> TrainConfig:
    """Make data_dir absolute, so that the run can be resumed from any folder (RunError)."""
    if settings.data_dir is None:
        return settings
    try:
        return replace(settings, data_dir=str(expanded(Path(settings.data_dir)).absolute()))
    except FileNotFoundError:
        raise RunError("the current folder does not exist any more; change to another one") from None


def _assemble(folder: Path, recipe: Recipe, settings: TrainConfig, progress: Progress) -> Run:
    """Put a run's parts together, the network as it starts."""
    data_dir = Path(settings.data_dir) if settings.data_dir is not None else None
    dataset = data.load(settings.data, data_dir, settings.validation_size)
    batches = Batches(dataset.train, settings.batch_size, settings.seed)
    # spawn_key keeps the weights' stream apart from the batches', which starts at the same seed.
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(0,)))
    learner = _learner_class(recipe)(settings, dataset.image_shape, len(dataset.classes), rng)
    return Run(folder, recipe, settings, dataset, batches, learner, progress)


def load_network(folder: Path) -> tuple[Learner, Checkpoint]:
    """Read a run's network, without its data set (RunError)."""
    saved = checkpoint.read(folder)
    recipe, settings = find_recipe(saved.recipe), config.build(saved.config)
    learner: Learner = _learner_class(recipe)(
        settings, saved.mean.shape, len(saved.classes), np.random.default_rng(0)
    )
    _load_state(learner, folder, saved)
    return learner, saved


def _load_state(learner: Learner, folder: Path, saved: Checkpoint) -> None:
    try:
        learner.load_state(saved.learner)
    except ValueError as error:
        raise RunError(f"the checkpoint in {folder} does not fit its own settings: {error}") from None


def advance(run: Run, should_stop: Callable[[], bool] = lambda: False) -> RunRecord | None:
    """Train to the end and write pictures and record, or save and return None when asked to stop.

    A run that is complete is left as it is. Raises DivergedError and RunError; the latest checkpoint is then
    still there.
    """
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
    with ProgressDisplay(run.config.steps, run.progress.step) as display:

        def evaluated(progress: Progress) -> None:
            began = time.perf_counter()
            _save(run)
            progress.seconds += time.perf_counter() - began
            display.point(progress.curves[-1])

        fit(
            run.learner,
            run.batches,
            run.held_out,
            run.config,
            run.progress,
            on_step=display.step,
            on_point=evaluated,
            should_stop=should_stop,
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
    """Draw the curves, then write the record: where it lies, the run is complete."""
    from backproof.report import curves

    progress = run.progress
    finished = RunRecord(
        recipe=run.recipe.name,
        config=run.config.as_dict(),
        curves=progress.curves,
        final=progress.curves[-1].evaluation(),
        seconds=progress.seconds,
        images_per_second=progress.step * run.config.batch_size / progress.training_seconds,
        peak_rss_mb=None,
        environment=environment.describe(),
        seed=run.config.seed,
    )
    try:
        curves.save(curves.draw(finished), run.folder)
        finished = msgspec.structs.replace(finished, peak_rss_mb=environment.peak_rss_mb())
        record.write(run.folder, finished)
    except OSError as error:
        raise RunError(
            f"cannot write into {run.folder}: {error.strerror}; the trained network is safe in it: "
            f"make room, then --resume {run.folder}"
        ) from None
    return finished


def _learner_class(recipe: Recipe) -> Any:
    module, _, name = recipe.learner.partition(":")
    return getattr(importlib.import_module(module), name)


def _default_folders(recipe: Recipe) -> Iterator[Path]:
    """Yield runs/<recipe>-<time>, then the same with -2, -3, … for runs started in the same second."""
    first = Path("runs") / f"{recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    yield first
    for number in range(2, _NAMES_TRIED + 1):
        yield first.with_name(f"{first.name}-{number}")


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
        for name in (checkpoint.FILE_NAME, record.FILE_NAME, "curves.svg", "curves.png"):
            remove_litter(folder / name)
        yield
    finally:
        lock.release()
