"""Several recipes' accuracy over their steps, every seed a line, as one picture."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backproof.record import RunRecord
from backproof.report.curves import STYLE

# Okabe and Ito's colours, which colour-blind readers tell apart; the labels at the lines' ends need none.
_COLORS = ("#999999", "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#000000")
_LEAST_GAP = 0.021
"""Between two labels, as a fraction of the axis: a line of text."""


def draw(recipes: Mapping[str, Sequence[RunRecord]]) -> Figure:
    """Draw each recipe's runs in one colour, its name and mean last accuracy at the end of its lines."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.6), layout="constrained")
        axes = figure.subplots()
        ends: list[tuple[float, int, str, str]] = []
        for color, (name, records) in zip(_COLORS, recipes.items(), strict=False):
            last = []
            for record in records:
                (quantity, accuracy), *_ = (
                    item for item in record.final.items() if item[0].endswith("accuracy")
                )
                steps = [point.step for point in record.curves]
                axes.plot(steps, [getattr(point, quantity) for point in record.curves], color=color, lw=1.2)
                last.append(accuracy)
            mean = sum(last) / len(last)
            ends.append((mean, records[0].curves[-1].step, f"{name} {mean:.1%}", color))
        axes.set_xscale("log")
        axes.set_xticks([100, 200, 500, 1000, 2000, 5000], ["100", "200", "500", "1000", "2000", "5000"])
        axes.minorticks_off()
        axes.set_xlabel("step")
        axes.set_title("Accuracy on the test set", loc="left", fontsize=10, fontweight="bold")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        low, high = axes.get_ylim()
        edge, below = max(step for _, step, _, _ in ends), low
        for mean, step, text, color in sorted(ends):
            place = max(mean, below + _LEAST_GAP * 2 * (high - low))
            axes.plot(step, mean, marker="o", markersize=4, color=color)
            axes.annotate(
                text,
                (step, mean),
                xytext=(1.08 * edge, place),
                textcoords="data",
                va="center",
                color=color,
                annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
            )
            below = place
    return figure
