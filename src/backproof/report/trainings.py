"""The runs that a report is about: found, and put together by recipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backproof import evidence, record
from backproof.errors import RunError
from backproof.evidence import Evidence
from backproof.recipes import RECIPES
from backproof.record import RunRecord

_SHOWN = ("mlp-numpy", "convnet")
"""Recipes whose answers and first weights the report shows."""
_MAY_DIFFER = ("seed", "data_dir", "device", "threads")


@dataclass(frozen=True)
class Trainings:
    """Finished runs of one data set."""

    data: str
    recipes: dict[str, list[RunRecord]] = field(default_factory=dict)
    """Runs judged on the test set, by recipe, in the order of their seeds; every recipe has one at least."""
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """That of each recipe's first run which has any."""
    choices: list[RunRecord] = field(default_factory=list)
    """Runs judged on images set aside, the best first."""


def find(folders: Sequence[Path]) -> Trainings:
    """Read every run in these folders and below them (RunError, too where they make no report together)."""
    found = [(path.parent, record.read(path.parent)) for folder in folders for path in _records(folder)]
    kinds = {each.config["data"] for _, each in found}
    if len(kinds) > 1:
        raise RunError(f"runs on {' and '.join(sorted(kinds))} make no report together; name those of one")
    trainings = Trainings(*kinds)
    for folder, each in sorted(found, key=lambda item: (item[1].seed, item[0])):
        if each.config["validation_size"]:
            trainings.choices.append(each)
            continue
        runs = trainings.recipes.setdefault(each.recipe, [])
        _require_alike(folder, each, runs)
        runs.append(each)
        kept = evidence.read(folder)
        if kept is not None:
            trainings.evidence.setdefault(each.recipe, kept)
    missing = [name for name in RECIPES if name not in trainings.recipes]
    if missing:
        raise RunError(f"no finished run of {', '.join(missing)}; backproof reproduce trains what is missing")
    for name in _SHOWN:
        if name not in trainings.evidence:
            raise RunError(f"no run of {name} keeps its answers ({evidence.FILE_NAME}); train it anew")
    for name, runs in trainings.recipes.items():
        if not any(runs[0].curves[-1].gradient_norms):
            raise RunError(
                f"the runs of {name} keep no norms of gradients, as earlier versions did; train them anew"
            )
    for name in RECIPES:  # in the order in which they are told of
        trainings.recipes[name] = trainings.recipes.pop(name)
    trainings.choices.sort(key=lambda each: -each.final["validation_accuracy"])
    return trainings


def _records(folder: Path) -> Iterable[Path]:
    paths = sorted(folder.rglob(record.FILE_NAME))
    if not paths:
        raise RunError(f"{folder} has no finished run: there is no {record.FILE_NAME} in it or below it")
    return paths


def _require_alike(folder: Path, run: RunRecord, others: Sequence[RunRecord]) -> None:
    """Refuse what is no further seed of the runs before it."""
    for other in others:
        if other.seed == run.seed:
            raise RunError(f"{folder} is a second run of {run.recipe} with seed {run.seed}; name one of them")
        for name in run.config.keys() - _MAY_DIFFER:
            if run.config[name] != other.config.get(name):
                raise RunError(
                    f"{folder} has {name} {run.config[name]}, another run of {run.recipe} "
                    f"{other.config.get(name)}: a mean over seeds takes runs that differ in nothing else"
                )
