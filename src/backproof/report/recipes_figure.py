"""Several recipes' accuracy over their steps, every seed a line, as one picture."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from matplotlib.typing import LineStyleType

from backproof.report import style
from backproof.report.style import DASHES, STYLE, WIDTH, LineEnd, fix_layout
from backproof.training.record import RunRecord

_COLORS = (
    style.GREY, style.BLUE, style.SKY, style.GREEN, style.ORANGE, style.VERMILION, style.PURPLE, style.BLACK,
)  # fmt: skip
_HEIGHT, _HEIGHT_OF_A_LABEL = 3.2, 0.16
"""In inches."""


def draw(recipes: Mapping[str, Sequence[RunRecord]]) -> Figure:
    """Draw each recipe's runs alike, its name and mean last accuracy at the end of its lines.

    No two recipes look the same (ValueError for more than there are looks).
    """
    with rc_context(STYLE):
        height = max(_HEIGHT, 1 + _HEIGHT_OF_A_LABEL * len(recipes))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        ends = []
        for number, (name, records) in enumerate(recipes.items()):
            color, dashes = _look(number)
            last = []
            for record in records:
                (quantity, accuracy), *_ = (
                    item for item in record.final.items() if item[0].endswith("accuracy")
                )
                steps = [evaluation.step for evaluation in record.curves]
                accuracies = [getattr(evaluation, quantity) for evaluation in record.curves]
                axes.plot(steps, accuracies, color=color, linestyle=dashes, lw=1.0)
                last.append(accuracy)
            mean = sum(last) / len(last)
            axes.plot(records[0].curves[-1].step, mean, marker="o", markersize=4, color=color)
            ends.append(LineEnd(records[0].curves[-1].step, mean, f"{name} {mean:.1%}", color))
        axes.set_xscale("log")
        axes.set_xticks([100, 200, 500, 1000, 2000, 5000], ["100", "200", "500", "1000", "2000", "5000"])
        axes.minorticks_off()
        axes.set_xlabel("step")
        axes.set_title("Accuracy on the test set")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        return fix_layout(figure, {axes: ends})


def _look(number: int) -> tuple[str, LineStyleType]:
    """Return a colour and dashes: every colour once with each kind of dashes."""
    dashes, color = divmod(number, len(_COLORS))
    if dashes >= len(DASHES):
        raise ValueError(
            f"{number + 1} recipes in one picture: only {len(_COLORS) * len(DASHES)} lines look different"
        )
    return _COLORS[color], DASHES[dashes]
