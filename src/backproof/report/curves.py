"""A run's accuracy and loss over its steps, as one picture."""

import io
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from backproof.files import write_atomically
from backproof.record import RunRecord

# Two of Okabe and Ito's colours, which colour-blind readers tell apart; the dashes do so without colour.
TRAIN_STYLE: dict[str, Any] = {"color": "#0072B2", "linestyle": (0, (4, 1.5)), "linewidth": 1.6}
HELD_OUT_STYLE: dict[str, Any] = {"color": "#D55E00", "linestyle": "-", "linewidth": 2.0}
LEAST_SPAN = 0.02
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.edgecolor": "#808080",
    "svg.hashsalt": "backproof",  # the same record gives the same file
}


def draw(record: RunRecord) -> Figure:
    """Draw accuracy on the left, loss on the right; each line bears its name and its last value."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        _panel(left, record, "accuracy")
        left.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        _panel(right, record, "loss")
        right.ticklabel_format(axis="y", useOffset=False)
        figure.suptitle(f"{record.recipe} on {record.config['data']}, seed {record.seed}", fontsize=11)
    return figure


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write curves.svg and curves.png and return their paths (OSError)."""
    paths = []
    with rc_context(STYLE):
        for path, metadata in ((folder / "curves.svg", {"Date": None}), (folder / "curves.png", None)):
            content = io.BytesIO()
            figure.savefig(content, format=path.suffix[1:], dpi=150, metadata=metadata)
            write_atomically(path, content.getvalue())
            figure.set_layout_engine("none")  # the first file has settled the layout; the next ones keep it
            paths.append(path)
    return paths


def _panel(axes: Axes, record: RunRecord, quantity: str) -> None:
    part = next(iter(record.final)).partition("_")[0]
    steps = [point.step for point in record.curves]
    last = {}
    for name, style in (("train", TRAIN_STYLE), (part, HELD_OUT_STYLE)):
        values = [getattr(point, f"{name}_{quantity}") for point in record.curves]
        axes.plot(steps, values, marker="o", markersize=3, label=name, **style)
        last[name] = values[-1]
    _label_ends(axes, steps[-1], last, percent=quantity == "accuracy")
    axes.set_title(quantity.capitalize(), loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel("step")
    axes.margins(y=0.1)
    axes.set_xlim(0, 1.02 * steps[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axes.get_ylim()
    if high - low < LEAST_SPAN:  # a line that hardly moves has to look so
        axes.set_ylim((low + high - LEAST_SPAN) / 2, (low + high + LEAST_SPAN) / 2)


def _label_ends(axes: Axes, step: int, last: dict[str, float], *, percent: bool) -> None:
    """Name each line at its right end, the upper line's label above the lower one's."""
    colors = dict(zip(last, (TRAIN_STYLE["color"], HELD_OUT_STYLE["color"]), strict=True))
    for name, offset in zip(sorted(last, key=lambda name: last[name]), (-7, 7), strict=True):
        axes.annotate(
            f"{name} {last[name]:.1%}" if percent else f"{name} {last[name]:.3f}",
            (step, last[name]),
            xytext=(6, offset),
            textcoords="offset points",
            va="center",
            color=colors[name],
            annotation_clip=False,
        )
