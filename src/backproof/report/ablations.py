"""What each ingredient of a recipe is worth: it is taken away, alone, in short runs on the validation set."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backproof.report.summary import mean_and_std
from backproof.report.tables import Table, changed
from backproof.training.recipes import RECIPES
from backproof.training.record import RunRecord


@dataclass(frozen=True)
class Ablation:
    """Runs of one recipe for the same few epochs: with all of it, and with one thing changed at a time."""

    recipe: str
    epochs: float
    whole: Sequence[RunRecord]
    """All of it, a run for each seed that a change was tried with."""
    without: Mapping[str, Sequence[RunRecord]]
    """By what was changed, the worst first."""

    def table(self) -> Table:
        """Return a row for each change, and one for none."""
        base = statistics.mean(_accuracies(self.whole))
        rows = [["nothing", mean_and_std(_accuracies(self.whole)), ""]]
        for what, runs in self.without.items():
            gain = f"{statistics.mean(_accuracies(runs)) - base:+.3f}".replace("-", "−")
            rows.append([what, mean_and_std(_accuracies(runs)), gain])
        return {"header": ["changed", "validation accuracy", "change"], "rows": rows}


def find(validated: Sequence[RunRecord]) -> list[Ablation]:
    """Return the ablations among the runs that were evaluated on a validation set."""
    groups: dict[tuple[str, float], dict[str, list[RunRecord]]] = {}
    for run in validated:
        if is_shorter(run):
            group = groups.setdefault((run.recipe, run.config["epochs"]), {})
            group.setdefault(changed_besides_epochs(run), []).append(run)
    found = []
    for (recipe, epochs), by_change in groups.items():
        seeds = {run.seed for what, runs in by_change.items() if what for run in runs}
        # A run of the curve over epochs may be as short, with a seed of its own.
        whole = [run for run in by_change.pop("", []) if run.seed in seeds]
        if whole and by_change:
            ranked = sorted(by_change.items(), key=lambda item: statistics.mean(_accuracies(item[1])))
            found.append(Ablation(recipe, epochs, whole, dict(ranked)))
    return sorted(found, key=lambda ablation: list(RECIPES).index(ablation.recipe))


def is_shorter(run: RunRecord) -> bool:
    """Tell whether a run has fewer epochs than its recipe: then it was not trained to choose anything."""
    whole = RECIPES[run.recipe].configure().epochs
    return bool(0 < run.config["epochs"] < whole)


def changed_besides_epochs(run: RunRecord) -> str:
    """Write what a run changes of its recipe, beside its length; "" for nothing."""
    own = RECIPES[run.recipe].configure().as_dict()
    return changed({**own, "epochs": run.config["epochs"]}, run.config)


def _accuracies(runs: Sequence[RunRecord]) -> list[float]:
    return [run.final["validation_accuracy"] for run in runs]
