"""What each ingredient of a recipe is worth: it is taken away, alone, in short runs on the validation set."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backproof.report.summary import mean_and_std
from backproof.report.tables import Table, changed, value
from backproof.training.recipes import RECIPES
from backproof.training.record import RunRecord


@dataclass(frozen=True)
class Ablation:
    """Runs of one recipe for the same few epochs: with all of it, and with one thing changed at a time."""

    recipe: str
    epochs: float
    in_all: str
    """What all of them change of the recipe for the sake of so few epochs; "" for nothing else."""
    whole: Sequence[RunRecord]
    """Nothing else is changed in them, a run for each seed that a change was tried with."""
    without: Mapping[str, Sequence[RunRecord]]
    """By what was changed, the worst first."""

    def table(self) -> Table:
        """Return a row for each change, and one for none."""
        base = statistics.mean(_accuracies(self.whole))
        rows = [["nothing", mean_and_std(_accuracies(self.whole)), ""]]
        for what, runs in self.without.items():
            gain = f"{statistics.mean(_accuracies(runs)) - base:+z.3f}".replace("-", "−")
            rows.append([what, mean_and_std(_accuracies(runs)), gain])
        return {"header": ["changed", "validation accuracy", "change"], "rows": rows}

    def sentence(self) -> str:
        """Say what the table is of."""
        beside = f", {self.in_all}" if self.in_all else ""
        seeds = len({run.seed for run in self.whole})
        return f"{self.recipe}, {self.epochs:g} epochs{beside}, {seeds} seed{'s' if seeds > 1 else ''}"


def find(validated: Sequence[RunRecord]) -> list[Ablation]:
    """Return the ablations among the runs that were evaluated on a validation set."""
    groups: dict[tuple[str, float], list[RunRecord]] = {}
    for run in filter(is_shorter, validated):
        groups.setdefault((run.recipe, run.config["epochs"]), []).append(run)
    found = []
    for (recipe, epochs), runs in groups.items():
        common = _in_most(runs)
        by_change: dict[str, list[RunRecord]] = {}
        for run in runs:
            by_change.setdefault(changed(common, run.config), []).append(run)
        seeds = {run.seed for what, changes in by_change.items() if what for run in changes}
        # A run of the curve over epochs may be as short, with a seed of its own.
        whole = [run for run in by_change.pop("", []) if run.seed in seeds]
        if whole and by_change:
            ranked = sorted(by_change.items(), key=lambda item: statistics.mean(_accuracies(item[1])))
            in_all = changed(_own_settings(recipe, epochs), common)
            found.append(Ablation(recipe, epochs, in_all, whole, dict(ranked)))
    return sorted(found, key=lambda ablation: list(RECIPES).index(ablation.recipe))


def is_shorter(run: RunRecord) -> bool:
    """Tell whether a run has fewer epochs than its recipe: then it was not trained to choose anything."""
    whole = RECIPES[run.recipe].configure().epochs
    return bool(0 < run.config["epochs"] < whole)


def changed_besides_epochs(run: RunRecord) -> str:
    """Write what a run changes of its recipe, beside its length; "" for nothing."""
    return changed(_own_settings(run.recipe, run.config["epochs"]), run.config)


def _own_settings(recipe: str, epochs: float) -> dict[str, Any]:
    return {**RECIPES[recipe].configure().as_dict(), "epochs": epochs}


def _in_most(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Return each setting, as it is written, as most of what was tried has it; the recipe's own in a tie.

    Seeds have no vote: how many runs there are of a change says nothing.
    """
    own = _own_settings(runs[0].recipe, runs[0].config["epochs"])
    configs = [{name: value(run.config.get(name, own[name])) for name in own} for run in runs]
    tried = {changed(own, config): config for config in configs}
    return {
        name: statistics.mode([value(own[name]), *(config[name] for config in tried.values())])
        for name in own
    }


def _accuracies(runs: Sequence[RunRecord]) -> list[float]:
    return [run.final["validation_accuracy"] for run in runs]
