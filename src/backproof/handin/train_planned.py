"""Train the runs of the plan: those that are finished stay, those that were cut are resumed."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backproof.errors import RunError
from backproof.handin.plan import PlannedRun
from backproof.training import checkpoint, record, run
from backproof.training.config import setting_names
from backproof.training.record import RunRecord
from backproof.training.run import Run
from backproof.training.setting import Role


def train_planned(
    planned_runs: Sequence[PlannedRun],
    folder: Path,
    train: Callable[[Run], RunRecord | None],
    say: Callable[[str], None],
) -> bool:
    """Train what is not finished in ``folder``, by ``train``; return False as soon as that was interrupted.

    ``say`` gets a line on each run and the time that is left. Raises ConfigError, DataError, DivergedError,
    and RunError, too where a folder has a run of other settings.
    """
    left = [planned for planned in planned_runs if not _is_finished(planned, folder)]
    n_finished = len(planned_runs) - len(left)
    say(f"{len(planned_runs)} runs in {folder}, {n_finished} of them finished; {_duration(left)}")
    began, guessed = time.perf_counter(), 0.0
    for number, planned in enumerate(left):
        pace = (time.perf_counter() - began) / guessed if guessed else 1.0
        place = n_finished + number + 1
        say(f"\n{planned.name}: run {place} of {len(planned_runs)}; {_duration(left[number:], pace)}")
        if train(_open(planned, folder / planned.name)) is None:
            return False
        guessed += planned.seconds
    return True


def _open(planned: PlannedRun, folder: Path) -> Run:
    """Start the run, or resume it where its folder exists, from where its data now lie."""
    if not folder.exists():
        return run.start(planned.recipe, planned.settings, folder)
    settings = planned.recipe.settings_of(planned.settings)
    return run.resume(
        folder, {name: settings[name] for name in setting_names(Role.LOCATION) if name in settings}
    )


def _is_finished(planned: PlannedRun, folder: Path) -> bool:
    """Return whether the run has its record (RunError if its folder has a run of other settings)."""
    run_folder = folder / planned.name
    if not run_folder.exists():
        return False
    finished = (run_folder / record.FILE_NAME).is_file()
    saved = record.read(run_folder) if finished else checkpoint.read(run_folder)
    if saved.recipe != planned.recipe.name or not planned.has_settings(saved.config):
        raise RunError(f"{run_folder} is a run of other settings; choose another --runs")
    return finished


def _duration(left: Sequence[PlannedRun], pace: float = 1.0) -> str:
    """Guess how long the runs take, at this machine's pace once it is known."""
    if not left:
        return "nothing to train"
    hours, minutes = divmod(max(1, round(pace * sum(planned.seconds for planned in left) / 60)), 60)
    return f"about {f'{hours} h ' if hours else ''}{minutes} min to train"
