"""One run from settings to record: its folder, its checkpoints, its end.

A run's folder appears whole, with a checkpoint in it, and the checkpoint is only ever replaced by a newer
whole one; ``record.json`` is written last. So a run killed at any moment can be resumed, and one that has a
record is finished.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from backproof import data
from backproof.data.batches import Batches
from backproof.data.cache import expand_home
from backproof.data.dataset import Dataset, Split
from backproof.data.prefetch import PrefetchedBatches
from backproof.errors import ConfigError, RunError
from backproof.training import checkpoint, environment, loop, run_folder
from backproof.training.checkpoint import Checkpoint
from backproof.training.config import TrainConfig
from backproof.training.learners.protocol import BatchSource, Learner
from backproof.training.loop import TrainState
from backproof.training.processes import Processes, SingleProcess
from backproof.training.recipe import Recipe
from backproof.training.recipes import find_recipe
from backproof.training.record import RunRecord
from backproof.training.schedule import Schedule

_NO_CHANGES: Mapping[str, Any] = MappingProxyType({})
_SINGLE_PROCESS = SingleProcess()


@dataclass(frozen=True)
class Run:
    """A run in memory: settings, data, network, and how far it has come."""

    folder: Path
    recipe: Recipe
    config: TrainConfig
    dataset: Dataset
    batches: BatchSource
    learner: Learner
    progress: TrainState
    processes: Processes

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.progress.step >= self.steps

    @property
    def steps(self) -> int:
        """How many steps it is to train."""
        return self.config.n_steps(len(self.dataset.train))

    @property
    def evaluation_split(self) -> Split:
        """The images that the run is evaluated on: the validation set if there is one, else the test set."""
        return self.dataset.validation or self.dataset.test

    def fit(
        self,
        on_step: Callable[[TrainState], None],
        on_evaluation: Callable[[TrainState], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Train until the last step or until any process is asked to stop (DivergedError)."""
        loop.fit(
            self.learner,
            self.batches,
            self.evaluation_split.part(self.processes.rank, self.processes.count),
            self.progress,
            steps=self.steps,
            learning_rate=Schedule(
                self.config.learning_rate, self.config.schedule, self.config.warmup, self.steps
            ),
            eval_every=self.config.eval_every,
            views=self.config.views,
            evaluation_split_name=self.config.evaluation_split_name,
            on_step=on_step,
            on_evaluation=on_evaluation,
            should_stop=lambda: self.processes.any_reduce(should_stop()),
        )

    def save(self, folder: Path) -> None:
        """Write into ``folder`` all that is needed to resume (OSError)."""
        saved = Checkpoint(
            recipe=self.recipe.name,
            config=self.recipe.settings_of(self.config),
            classes=self.dataset.classes,
            mean=self.dataset.train.mean,
            learner=self.learner.state(),
            progress=self.progress,
        )
        checkpoint.write(folder, saved)

    def record(self) -> RunRecord:
        """Return the record of a finished run, its memory not yet measured."""
        return RunRecord(
            recipe=self.recipe.name,
            config=self.recipe.settings_of(self.config),
            curves=self.progress.curves,
            final=self.progress.curves[-1].metrics(),
            final_averaged=self.progress.averaged,
            seconds=self.progress.seconds,
            processes=self.processes.count,
            images_per_second=self.progress.step * self.config.batch_size / self.progress.training_seconds,
            peak_rss_mb=None,
            environment=environment.describe(self.learner.device),
            seed=self.config.seed,
        )


def start(
    recipe: Recipe, settings: TrainConfig, out: Path | None = None, processes: Processes = _SINGLE_PROCESS
) -> Run:
    """Make a new run and its folder: ``out``, or ``runs/<recipe>-<time>``.

    Raises ConfigError, DataError and RunError.
    """
    # Process 0 makes the folder, and the others may come here later.
    if processes.rank == 0 and out is not None:
        run_folder.require_free(out)
    run = _assemble(Path(), recipe, absolute_data_dir(settings), TrainState(), processes)
    folder = run_folder.make(out, recipe.name, run.save) if processes.rank == 0 else Path()
    return replace(run, folder=Path(processes.broadcast(str(folder))))


def require_possible(recipe: Recipe, settings: TrainConfig) -> None:
    """Raise what start raises for these settings, but make nothing (ConfigError, DataError, RunError)."""
    _assemble(Path(), recipe, absolute_data_dir(settings), TrainState(), _SINGLE_PROCESS)


def resume(
    folder: Path, changes: Mapping[str, Any] = _NO_CHANGES, processes: Processes = _SINGLE_PROCESS
) -> Run:
    """Read a run as its latest checkpoint has it, with ``changes`` to settings of Role.LOCATION.

    Raises ConfigError, RunError and DataError.
    """
    saved = checkpoint.read(folder)
    recipe = find_recipe(saved.recipe)
    if processes.broadcast(str(saved.progress.step)) != str(saved.progress.step):
        raise RunError(f"the processes see different checkpoints in {folder}; let them share one folder")
    settings = absolute_data_dir(recipe.configure(saved.config, changes))
    run = _assemble(folder, recipe, settings, saved.progress, processes)
    if not np.array_equal(run.dataset.train.mean, saved.mean):
        raise RunError(
            f"{folder} was trained on other images than those of {settings.data} found now; see --data-dir"
        )
    _load_state(run.learner, folder, saved)
    return run


def absolute_data_dir(settings: TrainConfig) -> TrainConfig:
    """Return the settings with data_dir absolute, so that a run can be resumed from any folder (RunError)."""
    if settings.data_dir is None:
        return settings
    try:
        return replace(settings, data_dir=str(expand_home(Path(settings.data_dir)).absolute()))
    except FileNotFoundError:
        raise RunError("the current folder does not exist any more; change to another one") from None


def _assemble(
    folder: Path, recipe: Recipe, settings: TrainConfig, progress: TrainState, processes: Processes
) -> Run:
    """Return a run of these parts, its network untrained."""
    if processes.count > 1 and not recipe.network.in_torch:
        raise ConfigError(f"recipe {recipe.name} trains in one process; start it without torchrun")
    data_dir = Path(settings.data_dir) if settings.data_dir is not None else None
    dataset = data.load(settings.data, data_dir, settings.validation_size)
    batches = Batches(
        dataset.train,
        settings.batch_size,
        settings.seed,
        rank=processes.rank,
        count=processes.count,
        augmentation=settings.augmentation,
        steps=settings.n_steps(len(dataset.train)),
    )
    # spawn_key keeps the weights' stream apart from the batches', which starts at the same seed.
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(0,)))
    learner = recipe.make_learner(settings, dataset.image_shape, len(dataset.classes), rng)
    # A processor that computes has no time to spare: there, a second thread makes a step slower.
    source = batches if learner.device == "cpu" else PrefetchedBatches(batches)
    return Run(folder, recipe, settings, dataset, source, learner, progress, processes)


def load_network(folder: Path, changes: Mapping[str, Any] = _NO_CHANGES) -> tuple[Learner, Checkpoint]:
    """Return a run's network, without its data; ``changes`` may name the device (ConfigError, RunError)."""
    saved = checkpoint.read(folder)
    recipe = find_recipe(saved.recipe)
    if recipe.network.in_torch:
        changes = {"device": "auto", "compile": False, **changes}
    settings = recipe.configure(saved.config, changes)
    learner = recipe.make_learner(settings, saved.mean.shape, len(saved.classes), np.random.default_rng(0))
    _load_state(learner, folder, saved)
    return learner, saved


def _load_state(learner: Learner, folder: Path, saved: Checkpoint) -> None:
    try:
        learner.load_state(saved.learner)
    except ValueError as error:
        raise RunError(f"the checkpoint in {folder} does not fit its own settings: {error}") from None
