"""The finished runs that a report is about: read, checked, and put together by recipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from backproof.errors import ConfigError, RunError
from backproof.training import predictions, record
from backproof.training.config import TrainConfig, setting_names
from backproof.training.predictions import Predictions
from backproof.training.recipes import RECIPES, report_entries
from backproof.training.record import RunRecord
from backproof.training.search import search_record
from backproof.training.search.search_record import SearchRecord
from backproof.training.setting import Role


@dataclass(frozen=True)
class FinishedRuns:
    """Finished runs on one data set."""

    data: str
    by_recipe: dict[str, list[RunRecord]] = field(default_factory=dict)
    """Runs evaluated on the test set, in the order of their seeds; every recipe in the report has one."""
    predictions: dict[str, Predictions] = field(default_factory=dict)
    """Those of the first run that has any, of each recipe whose predictions the report shows."""
    validated: list[RunRecord] = field(default_factory=list)
    """Runs evaluated on a validation set, the best first."""
    searches: list[SearchRecord] = field(default_factory=list)
    """Searches; their trials are none of the runs."""


def find(folders: Sequence[Path]) -> FinishedRuns:
    """Return every run in these folders and below them (RunError, too where they make no report together)."""
    searched = {path.parent.resolve(): path.parent for folder in folders for path in _searches(folder)}
    run_folders = {
        path.parent.resolve(): path.parent
        for folder in folders
        for path in _records(folder)
        if searched.keys().isdisjoint(path.resolve().parents)
    }
    searches = [search_record.read(folder) for folder in searched.values()]
    runs = sorted(
        ((_read(folder), folder) for folder in run_folders.values()), key=lambda run: (run[0].seed, run[1])
    )
    data_sets = {str(run.config["data"]) for run, _ in runs} | {str(each.config["data"]) for each in searches}
    if len(data_sets) > 1:
        raise RunError(
            f"runs on {' and '.join(sorted(data_sets))} make no report together; name those on one"
        )
    finished = FinishedRuns(data_sets.pop(), searches=searches)
    for name in RECIPES:
        tested = [
            (run, folder) for run, folder in runs if run.recipe == name and not run.config["validation_size"]
        ]
        if tested:
            _require_alike(tested)
            finished.by_recipe[name] = [run for run, _ in tested]
    entries = report_entries()
    missing = [name for name in entries if name not in finished.by_recipe]
    if missing:
        raise RunError(f"no finished run of {', '.join(missing)}; backproof reproduce trains what is missing")
    for name, entry in entries.items():
        if entry.predictions:
            finished.predictions[name] = _first_predictions(
                name, [folder for run, folder in runs if run.recipe == name]
            )
    validated = [run for run, _ in runs if run.config["validation_size"]]
    if len({run.config["validation_size"] for run in validated}) > 1:
        raise RunError("runs with validation sets of different sizes compare nothing; name those of one")
    finished.validated.extend(sorted(validated, key=lambda run: -run.final["validation_accuracy"]))
    return finished


def _searches(folder: Path) -> Iterable[Path]:
    return sorted(folder.rglob(search_record.FILE_NAME))


def _records(folder: Path) -> Iterable[Path]:
    paths = [folder] if folder.name == record.FILE_NAME else sorted(folder.rglob(record.FILE_NAME))
    if not paths and not _searches(folder):
        raise RunError(f"{folder} has no finished run: there is no {record.FILE_NAME} in it or below it")
    return paths


def _read(folder: Path) -> RunRecord:
    """Read a run with all its settings, and refuse what no version of this program writes (RunError)."""
    run = record.read(folder)
    recipe = RECIPES.get(run.recipe)
    if recipe is None:
        raise RunError(f"{folder} is a run of {run.recipe}, which this version does not know")
    # A record from before a setting was added lacks it, and was computed as the setting's default computes:
    # the default of a new setting keeps what was done without it. What the recipe says now is no guide.
    config = {**recipe.settings_of(TrainConfig()), **run.config}
    try:
        settings = recipe.configure(config)
    except ConfigError as error:
        raise RunError(f"{folder / record.FILE_NAME} has settings that cannot be: {error}") from None
    part = settings.evaluation_split_name
    if not run.curves or run.final != run.curves[-1].metrics():
        reason = "its result is not that of its last step"
    elif run.final.keys() != {f"{part}_loss", f"{part}_accuracy"}:
        reason = f"it was not evaluated on {part} images, as its settings say"
    elif not all(0 <= accuracy <= 1 for name, accuracy in run.final.items() if name.endswith("accuracy")):
        reason = "an accuracy is not between 0 and 1"
    elif run.final_averaged and run.final_averaged.keys() != run.final.keys():
        reason = "its averaged result is of other images than its plain one"
    elif run.seed != settings.seed:
        reason = f"its seed is {run.seed}, by its settings {settings.seed}"
    elif any(evaluation.metrics().keys() != run.final.keys() for evaluation in run.curves):
        reason = "its curves were evaluated on other images than its result"
    elif not all(evaluation.gradient_norms for evaluation in run.curves) and not settings.validation_size:
        reason = "it has no norms of gradients, as earlier versions did; train it anew"
    else:
        return msgspec.structs.replace(run, config=config)
    raise RunError(f"{folder / record.FILE_NAME} makes no report: {reason}")


def _require_alike(runs: Sequence[tuple[RunRecord, Path]]) -> None:
    """Refuse runs of one recipe that differ in anything but their seeds."""
    may_differ = setting_names(Role.SEED, Role.MACHINE, Role.LOCATION)
    first, first_folder = runs[0]
    for run, folder in runs[1:]:
        if [evaluation.step for evaluation in run.curves] != [evaluation.step for evaluation in first.curves]:
            raise RunError(f"{folder} and {first_folder} were evaluated at different steps; name one of them")
        for name in run.config.keys() - may_differ:
            if run.config[name] != first.config[name]:
                raise RunError(
                    f"{folder} has {name} {run.config[name]}, {first_folder} {first.config[name]}: a mean "
                    f"over seeds takes runs that differ in nothing else; name one of them"
                )
    for (run, folder), (other, other_folder) in zip(runs[1:], runs, strict=False):
        if run.seed == other.seed:
            raise RunError(
                f"{folder} and {other_folder} are {run.recipe} with seed {run.seed} both; name one"
            )


def _first_predictions(name: str, folders: Iterable[Path]) -> Predictions:
    for folder in folders:
        saved = predictions.read(folder)
        if saved is not None:
            return saved
    raise RunError(f"no run of {name} has its predictions ({predictions.FILE_NAME}); train it anew")
