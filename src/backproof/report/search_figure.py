"""A search as one picture: how it went, which settings matter, and the accuracy over each of them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backproof.report.style import BLUE, GREY, STYLE, VERMILION, WIDTH, fix_layout
from backproof.training.search.search_record import SearchedTrial, SearchRecord

_IN_A_ROW = 3
_TOP_HEIGHT, _SLICE_HEIGHT = 2.6, 2.2
"""In inches."""
_LONGEST_LABEL = 16
_LONGEST_LABELS = 15
"""Characters of one, and of all that fit below one slice side by side."""
_JITTER = 0.16
"""Trials of one choice are spread so far to both sides, in distances of choices."""


def draw(search: SearchRecord) -> Figure:
    """Draw the accuracy of one trial after another, the importances, and a slice for each entry of the space.

    A trial that failed is a cross at the bottom; its accuracy is none.
    """
    entries = list(search.importances or search.space)
    rows = math.ceil(len(entries) / _IN_A_ROW)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, _TOP_HEIGHT + rows * _SLICE_HEIGHT), layout="constrained")
        heights = (_TOP_HEIGHT, rows * _SLICE_HEIGHT)
        top, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        low, high = _range(search.trials)
        if search.importances:
            history, bars = top.subplots(1, 2, width_ratios=(3, 2))
            _importances(bars, search)
        else:
            history = top.subplots()
        _history(history, search, low)
        top.legend(*history.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False)
        slices = below.subplots(rows, _IN_A_ROW, sharey=True, squeeze=False)
        for number, axes in enumerate(slices.flat):
            if number < len(entries):
                _slice(axes, search, entries[number], low)
            else:
                axes.set_visible(False)
        for axes in (history, *slices.flat):
            axes.set_ylim(low, high)
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.6g}%")
        for first, *_ in slices:
            first.set_ylabel("validation accuracy")
        history.set_ylabel("validation accuracy")
        return fix_layout(figure)


def _range(trials: Sequence[SearchedTrial]) -> tuple[float, float]:
    """Return what the axes of accuracy show: the better half well apart, the worst at the lower edge."""
    accuracies = sorted(trial.accuracy for trial in trials if trial.accuracy is not None) or [0.0, 1.0]
    low, high = accuracies[0], accuracies[-1]
    margin = 0.06 * max(high - low, 0.01)
    return low - 2 * margin, high + margin


def _history(axes: Axes, search: SearchRecord, low: float) -> None:
    """Draw trials in their order, and the best finished one so far."""
    trials = search.trials
    _points(axes, [trial.number for trial in trials], trials, low)
    best, line = -math.inf, []
    for trial in trials:
        if trial.state == "finished" and trial.accuracy is not None:
            best = max(best, trial.accuracy)
        line.append(best if math.isfinite(best) else np.nan)
    axes.step(
        [trial.number for trial in trials], line, where="post", color=VERMILION, lw=1.4, label="best so far"
    )
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_title("History")


def _importances(axes: Axes, search: SearchRecord) -> None:
    names = list(search.importances)
    shares = list(search.importances.values())
    axes.barh(names, shares, color=BLUE, height=0.6)
    for place, share in enumerate(shares):
        axes.annotate(
            f"{share:.0%}",
            (share, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * max(shares, default=1) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.6g}%")
    axes.grid(visible=False, axis="y")
    axes.set_title("Importance")


def _slice(axes: Axes, search: SearchRecord, name: str, low: float) -> None:
    """Draw the accuracy over what was tried of one entry."""
    trials, space = search.trials, search.space[name]
    axes.set_title(name)
    if isinstance(space, dict):
        _points(axes, [float(trial.values[name]) for trial in trials], trials, low)
        if "log" in space:
            axes.set_xscale("log")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
        return
    tried = sorted({str(trial.values[name]) for trial in trials}, key=_as_number)
    spread = np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(trials))
    places = [tried.index(str(trial.values[name])) + by for trial, by in zip(trials, spread, strict=True)]
    _points(axes, places, trials, low)
    labels = [_short(label) for label in tried]
    steep = sum(map(len, labels)) > _LONGEST_LABELS
    axes.set_xticks(
        range(len(tried)),
        labels,
        rotation=35 if steep else 0,
        ha="right" if steep else "center",
        rotation_mode="anchor",
    )
    axes.set_xlim(-0.5, len(tried) - 0.5)
    axes.grid(visible=False, axis="x")


def _points(axes: Axes, places: Sequence[float], trials: Sequence[SearchedTrial], low: float) -> None:
    looks: dict[str, dict[str, Any]] = {
        "finished": {"marker": "o", "color": BLUE, "s": 16},
        "stopped early": {"marker": "o", "facecolors": "none", "edgecolors": GREY, "s": 14},
        "failed": {"marker": "x", "color": GREY, "s": 16, "clip_on": False, "zorder": 3},
    }
    for state, look in looks.items():
        here = [
            (place, low if trial.accuracy is None else trial.accuracy)
            for place, trial in zip(places, trials, strict=True)
            if trial.state == state
        ]
        if here:
            axes.scatter(*zip(*here, strict=True), label=state, linewidths=1.0, **look)


def _as_number(label: str) -> tuple[float, str]:
    """Sort numbers by size, before what is none."""
    try:
        return float(label), label
    except ValueError:
        return math.inf, label


def _short(label: str) -> str:
    """Write a choice's label; of a table its values alone."""
    label = " ".join(word.partition("=")[2] or word for word in label.split())
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
