"""Accuracy and loss over the steps; several seeds of one recipe as their mean and standard deviation."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backproof.report.style import EVALUATION_STYLE, STYLE, TRAIN_STYLE, WIDTH, LineEnd, fix_layout
from backproof.training.record import RunRecord

Quantity = Literal["accuracy", "loss"]
LEAST_SPAN = 0.02
_MARKED = 16
"""The most evaluations that are marked: markers closer than that would fill the gaps of a dashed line."""
_ROUND = [1, 2, 5, 10]


def beside(
    left: Sequence[RunRecord], right: Sequence[RunRecord], quantity: Quantity, titles: tuple[str, str]
) -> Figure:
    """Draw a quantity of two recipes on one scale (ValueError: a recipe's runs differ in their steps)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        sides = zip(panels, (left, right), strict=True)
        ends = {axes: _panel(axes, records, quantity) for axes, records in sides}
        for axes, title in zip(panels, titles, strict=True):
            axes.set_title(title)
        panels[0].set_ylabel(quantity)
        return fix_layout(figure, ends)


def accuracy_and_loss(records: Sequence[RunRecord], heading: str = "") -> Figure:
    """Draw accuracy on the left, loss on the right (ValueError: the runs differ in their steps)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
        figure.suptitle(heading, fontsize="large")
        panels = dict(zip(("accuracy", "loss"), figure.subplots(1, 2), strict=True))
        ends = {}
        for quantity, axes in panels.items():
            ends[axes] = _panel(axes, records, quantity)
            axes.set_title(quantity.capitalize())
        return fix_layout(figure, ends)


def over_seeds(
    records: Sequence[RunRecord], name: str
) -> tuple[list[int], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the S steps, and a field's mean (S,) and sample standard deviation (S,) over the runs.

    Of one run the deviation is nan: it says nothing about scatter (ValueError: no runs, or unlike steps).
    """
    if len({tuple(evaluation.step for evaluation in record.curves) for record in records}) != 1:
        raise ValueError("a mean over seeds takes runs that were evaluated at the same steps")
    values = np.array(
        [[getattr(evaluation, name) for evaluation in record.curves] for record in records], float
    )
    sd = values.std(axis=0, ddof=1) if len(records) > 1 else np.full(values.shape[1], np.nan)
    return [evaluation.step for evaluation in records[0].curves], values.mean(axis=0), sd


def _panel(axes: Axes, records: Sequence[RunRecord], quantity: str) -> list[LineEnd]:
    """Draw the lines of the training and the images that the run is evaluated on; return their labels."""
    ends = []
    evaluation_set = next(iter(records[0].final)).partition("_")[0]
    for name, style in (("train", TRAIN_STYLE), (evaluation_set, EVALUATION_STYLE)):
        steps, mean, sd = over_seeds(records, f"{name}_{quantity}")
        if len(records) > 1:
            axes.fill_between(steps, mean - sd, mean + sd, color=style["color"], alpha=0.2, linewidth=0)
        marker = "o" if len(steps) <= _MARKED else ""
        axes.plot(steps, mean, marker=marker, markersize=2.5, label=name, **style)
        last = f"{mean[-1]:.1%}" if quantity == "accuracy" else f"{mean[-1]:.3f}"
        ends.append(LineEnd(steps[-1], mean[-1], f"{name} {last}", style["color"]))
    axes.set_xlabel("step")
    axes.margins(y=0.1)
    axes.set_xlim(0, 1.02 * steps[-1])
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=_ROUND, integer=True))
    if quantity == "accuracy":
        axes.yaxis.set_major_locator(MaxNLocator(7, steps=_ROUND))
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.6g}%")
    else:
        axes.ticklabel_format(axis="y", useOffset=False)
    low, high = axes.get_ylim()
    if high - low < LEAST_SPAN:  # a line that hardly moves has to look so
        axes.set_ylim((low + high - LEAST_SPAN) / 2, (low + high + LEAST_SPAN) / 2)
    return ends
