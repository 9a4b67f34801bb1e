"""One trial: an ordinary run on the validation set, reported to the study at each evaluation."""

import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import TrialPruned

from backproof.errors import ConfigError, DivergedError, RunError, is_out_of_memory
from backproof.training import checkpoint, run
from backproof.training.config import TrainConfig, setting_names
from backproof.training.recipe import Recipe
from backproof.training.record import Evaluation, RunRecord
from backproof.training.run import Run
from backproof.training.search.space import SearchSpace
from backproof.training.setting import Role
from backproof.training.trainer import Callbacks

SECONDS, FAILED = "seconds", "failed"
"""What a trial of the study remembers besides its results: its run's time, and why it failed."""


class Interrupted(Exception):
    """The user stopped the search; the trial's run is saved."""


@dataclass(frozen=True)
class Search:
    """What is searched."""

    recipe: Recipe
    fixed: Mapping[str, Any]
    """Settings that all trials share, of those given by the user; validation_size is among them."""
    space: SearchSpace


def train_trial(
    trial: optuna.Trial,
    search: Search,
    folder: Path,
    train: Callable[[Run, Callbacks], RunRecord | None],
    should_stop: Callable[[], bool],
) -> float:
    """Train a trial's run in ``folder``, or resume it, and return its validation accuracy.

    Raises TrialPruned where it is hopeless or its settings fail, in which case its folder is removed, and
    Interrupted, RunError, DataError and ConfigError, the last where no trial could be trained, after which it
    can go on.
    """
    values = search.space.suggest(trial)
    hopeless = False

    def report(evaluation: Evaluation) -> None:
        nonlocal hopeless
        assert evaluation.validation_accuracy is not None
        with warnings.catch_warnings():  # it may have been reported before the run had to begin anew
            warnings.simplefilter("ignore", UserWarning)
            trial.report(evaluation.validation_accuracy, evaluation.step)
        hopeless = trial.should_prune()

    try:
        settings = search.recipe.configure(search.fixed, search.space.settings(values))
        opened = _open(folder, search.recipe, run.absolute_data_dir(settings))
        for evaluation in opened.progress.curves:  # from before it was interrupted
            report(evaluation)
        record = train(
            opened,
            Callbacks(on_evaluation=report, should_stop=lambda: hopeless or should_stop()),
        )
    except (ConfigError, DivergedError, MemoryError, RuntimeError) as error:
        if not isinstance(error, ConfigError | DivergedError) and not is_out_of_memory(error):
            raise
        if isinstance(error, ConfigError) and _fails_without_values(search, error):
            raise  # by a setting that all trials share, or by this machine: no trial is worse for it
        trial.set_user_attr(FAILED, _reason(error))
        shutil.rmtree(folder, ignore_errors=True)
        raise TrialPruned from None
    trial.set_user_attr(SECONDS, opened.progress.seconds)
    if record is not None:
        # Some hundred megabytes that nobody goes on with.
        (folder / checkpoint.FILE_NAME).unlink(missing_ok=True)
        return record.final["validation_accuracy"]
    if hopeless:
        shutil.rmtree(folder, ignore_errors=True)
        raise TrialPruned
    raise Interrupted


def _fails_without_values(search: Search, error: ConfigError) -> bool:
    """Tell whether the recipe with the settings that all trials share is refused for the same reason."""
    try:
        run.require_possible(search.recipe, search.recipe.configure(search.fixed))
    except ConfigError as same:
        return str(same) == str(error)
    return False


def _open(folder: Path, recipe: Recipe, settings: TrainConfig) -> Run:
    """Start this run, or resume it where its folder exists (RunError if that is of another run)."""
    if not folder.exists():
        return run.start(recipe, settings, folder)
    places = {name: getattr(settings, name) for name in setting_names(Role.LOCATION)}
    resumed = run.resume(
        folder, {name: place for name, place in places.items() if name in recipe.network.settings}
    )
    own = setting_names(Role.LOCATION, Role.MACHINE)
    theirs, ours = (
        {name: value for name, value in recipe.settings_of(each).items() if name not in own}
        for each in (resumed.config, settings)
    )
    if resumed.recipe != recipe or theirs != ours:
        raise RunError(f"{folder} is a run of other settings; choose another --out")
    return resumed


def _reason(error: BaseException) -> str:
    if is_out_of_memory(error):
        return "not enough memory"
    return str(error).partition(": training diverged")[0]
