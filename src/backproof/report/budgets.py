"""What accuracy a recipe reaches in how many minutes: the same recipe, for fewer epochs and for all."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backproof.report.ablations import changed_besides_epochs, is_shorter
from backproof.report.style import BLUE, STYLE, VERMILION, WIDTH, LineEnd, fix_layout
from backproof.report.summary import accuracies, median_seconds
from backproof.training.recipes import RECIPES
from backproof.training.record import RunRecord

_COLORS = (VERMILION, BLUE)
_HEIGHT = 3.2
"""In inches."""


class Budget(NamedTuple):
    """Runs of one length."""

    epochs: float
    minutes: float
    accuracy: float
    """On the validation set where epochs are fewer than the recipe's, on the test set where they are not."""
    is_whole: bool


def find(
    by_recipe: Mapping[str, Sequence[RunRecord]], validated: Sequence[RunRecord]
) -> dict[str, list[Budget]]:
    """Return the budgets of each recipe of which there are several, the smallest first.

    The test set sees the whole recipe alone: shorter runs were judged on a validation set.
    """
    found = {}
    for recipe, whole in by_recipe.items():
        shorter: dict[float, list[RunRecord]] = {}
        for run in validated:
            if run.recipe == recipe and is_shorter(run) and not changed_besides_epochs(run):
                shorter.setdefault(run.config["epochs"], []).append(run)
        budgets = [
            Budget(
                epochs,
                median_seconds(runs) / 60,
                statistics.mean(run.final["validation_accuracy"] for run in runs),
                is_whole=False,
            )
            for epochs, runs in sorted(shorter.items())
        ]
        if budgets:
            epochs = RECIPES[recipe].configure().epochs
            found[recipe] = [
                *budgets,
                Budget(epochs, median_seconds(whole) / 60, statistics.mean(accuracies(whole)), is_whole=True),
            ]
    return found


def draw(found: Mapping[str, Sequence[Budget]]) -> Figure:
    """Draw accuracy over minutes, a line for each recipe; filled marks are on the test set."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
        axes = figure.subplots()
        ends = []
        for (recipe, budgets), color in zip(found.items(), itertools.cycle(_COLORS)):
            axes.plot(
                [budget.minutes for budget in budgets],
                [budget.accuracy for budget in budgets],
                color=color,
                lw=1.2,
            )
            for budget in budgets:
                face = color if budget.is_whole else "white"
                axes.plot(
                    budget.minutes, budget.accuracy, "o", color=color, markerfacecolor=face, markersize=5
                )
            last = budgets[-1]
            ends.append(LineEnd(last.minutes, last.accuracy, f"{recipe} {last.accuracy:.1%}", color))
        axes.set_xlim(left=0)
        axes.set_xlabel("minutes, evaluations included")
        axes.set_title("Accuracy after training for so long (○ validation set, ● test set)")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        return fix_layout(figure, {axes: ends})
