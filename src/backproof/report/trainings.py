"""The runs that a report is about: found, checked, and put together by recipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backproof.errors import ConfigError, RunError
from backproof.training import predictions, record
from backproof.training.predictions import Evidence
from backproof.training.recipes import HOW_TO_COMPUTE, RECIPES
from backproof.training.record import RunRecord

_MAY_DIFFER = HOW_TO_COMPUTE - {"precision"} | {"seed"}
"""What runs of one mean may differ in."""
_SHOWN = ("mlp-numpy", "convnet")
"""Recipes whose answers and first weights the report shows."""


@dataclass(frozen=True)
class Trainings:
    """Finished runs on one data set."""

    data: str
    recipes: dict[str, list[RunRecord]] = field(default_factory=dict)
    """Runs judged on the test set, by recipe, in the order of their seeds; every recipe has one at least."""
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """That of the first run which has any, of each recipe that is shown."""
    choices: list[RunRecord] = field(default_factory=list)
    """Runs judged on images set aside, the best first."""


def find(folders: Sequence[Path]) -> Trainings:
    """Read every run in these folders and below them (RunError, too where they make no report together)."""
    found = {path.parent.resolve(): path.parent for folder in folders for path in _records(folder)}
    runs = sorted(
        ((_read(folder), folder) for folder in found.values()), key=lambda run: (run[0].seed, run[1])
    )
    kinds = {str(run.config["data"]) for run, _ in runs}
    if len(kinds) > 1:
        raise RunError(f"runs on {' and '.join(sorted(kinds))} make no report together; name those on one")
    trainings = Trainings(kinds.pop())
    for name in RECIPES:
        here = [
            (run, folder) for run, folder in runs if run.recipe == name and not run.config["validation_size"]
        ]
        if here:
            _require_alike(here)
            trainings.recipes[name] = [run for run, _ in here]
    missing = [name for name in RECIPES if name not in trainings.recipes]
    if missing:
        raise RunError(f"no finished run of {', '.join(missing)}; backproof reproduce trains what is missing")
    for name in _SHOWN:
        trainings.evidence[name] = _first_evidence(
            name, [folder for run, folder in runs if run.recipe == name]
        )
    chosen = [run for run, _ in runs if run.config["validation_size"]]
    if len({run.config["validation_size"] for run in chosen}) > 1:
        raise RunError(
            "runs judged on different numbers of images set aside compare nothing; name those of one"
        )
    trainings.choices.extend(sorted(chosen, key=lambda run: -run.final["validation_accuracy"]))
    return trainings


def _records(folder: Path) -> Iterable[Path]:
    paths = [folder] if folder.name == record.FILE_NAME else sorted(folder.rglob(record.FILE_NAME))
    if not paths:
        raise RunError(f"{folder} has no finished run: there is no {record.FILE_NAME} in it or below it")
    return paths


def _read(folder: Path) -> RunRecord:
    """Read a run, and refuse what no version of this program writes (RunError)."""
    run = record.read(folder)
    recipe = RECIPES.get(run.recipe)
    if recipe is None:
        raise RunError(f"{folder} is a run of {run.recipe}, which this version does not know")
    try:
        settings = recipe.configure(run.config)
    except ConfigError as error:
        raise RunError(f"{folder / record.FILE_NAME} has settings that cannot be: {error}") from None
    lacking = sorted(recipe.settings_of(settings).keys() - run.config.keys())
    part = settings.judged_on
    if lacking:
        reason = f"it lacks {', '.join(lacking)}"
    elif not run.curves or run.final != run.curves[-1].evaluation():
        reason = "its result is not that of its last step"
    elif run.final.keys() != {f"{part}_loss", f"{part}_accuracy"}:
        reason = f"it was not judged on {part} images, as its settings say"
    elif not all(0 <= accuracy <= 1 for name, accuracy in run.final.items() if name.endswith("accuracy")):
        reason = "an accuracy is not between 0 and 1"
    elif run.seed != settings.seed:
        reason = f"its seed is {run.seed}, by its settings {settings.seed}"
    elif any(point.evaluation().keys() != run.final.keys() for point in run.curves):
        reason = "its curves were judged on other images than its result"
    elif not all(point.gradient_norms for point in run.curves) and not settings.validation_size:
        reason = "it keeps no norms of gradients, as earlier versions did; train it anew"
    else:
        return run
    raise RunError(f"{folder / record.FILE_NAME} makes no report: {reason}")


def _require_alike(runs: Sequence[tuple[RunRecord, Path]]) -> None:
    """Refuse runs of one recipe that differ in anything but their seeds."""
    first, place = runs[0]
    for run, folder in runs[1:]:
        if [point.step for point in run.curves] != [point.step for point in first.curves]:
            raise RunError(f"{folder} and {place} were evaluated at different steps; name one of them")
        for name in run.config.keys() - _MAY_DIFFER:
            if run.config[name] != first.config[name]:
                raise RunError(
                    f"{folder} has {name} {run.config[name]}, {place} {first.config[name]}: a mean over "
                    f"seeds takes runs that differ in nothing else; name one of them"
                )
    for (run, folder), (other, elsewhere) in zip(runs[1:], runs, strict=False):
        if run.seed == other.seed:
            raise RunError(f"{folder} and {elsewhere} are {run.recipe} with seed {run.seed} both; name one")


def _first_evidence(name: str, folders: Iterable[Path]) -> Evidence:
    for folder in folders:
        kept = predictions.read(folder)
        if kept is not None:
            return kept
    raise RunError(f"no run of {name} keeps its answers ({predictions.FILE_NAME}); train it anew")
