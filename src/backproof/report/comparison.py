"""Several recipes' accuracy over their steps, every seed a line, as one picture."""

import io
from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backproof.report import style
from backproof.report.style import STYLE, WIDTH, End, finish
from backproof.training.record import RunRecord

_COLORS = (
    style.GREY, style.BLUE, style.SKY, style.GREEN, style.ORANGE, style.VERMILION, style.PURPLE, style.BLACK,
)  # fmt: skip


def svg(recipes: Mapping[str, Sequence[RunRecord]]) -> str:
    """Draw them as SVG on white, for pages of any colour."""
    content = io.StringIO()
    with rc_context(STYLE):
        draw(recipes).savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def draw(recipes: Mapping[str, Sequence[RunRecord]]) -> Figure:
    """Draw each recipe's runs in one colour, its name and mean last accuracy at the end of its lines."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = figure.subplots()
        ends = []
        for color, (name, records) in zip(_COLORS, recipes.items(), strict=False):
            last = []
            for record in records:
                (quantity, accuracy), *_ = (
                    item for item in record.final.items() if item[0].endswith("accuracy")
                )
                steps = [point.step for point in record.curves]
                axes.plot(steps, [getattr(point, quantity) for point in record.curves], color=color, lw=1.0)
                last.append(accuracy)
            mean = sum(last) / len(last)
            axes.plot(records[0].curves[-1].step, mean, marker="o", markersize=4, color=color)
            ends.append(End(records[0].curves[-1].step, mean, f"{name} {mean:.1%}", color))
        axes.set_xscale("log")
        axes.set_xticks([100, 200, 500, 1000, 2000, 5000], ["100", "200", "500", "1000", "2000", "5000"])
        axes.minorticks_off()
        axes.set_xlabel("step")
        axes.set_title("Accuracy on the test set")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        return finish(figure, {axes: ends})
