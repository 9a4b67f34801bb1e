"""What all figures share: sizes and colours for print, labels at the ends of lines, the export to files."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.typing import ColorType, LineStyleType

from backproof.files import write_atomically

WIDTH = 16 / 2.54
"""Inches: pictures are as wide as a page's text, so that their letters are as large in print as they say."""
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, thus is the same everywhere
    "font.size": 8.5,
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.edgecolor": "#808080",
    "svg.hashsalt": "backproof",  # the same record gives the same file
    "svg.fonttype": "path",
}

# Okabe and Ito's colours, which colour-blind readers tell apart; dashes and labels do so without colour.
BLACK, GREY, BLUE, SKY = "#000000", "#999999", "#0072B2", "#56B4E9"
GREEN, ORANGE, VERMILION, PURPLE = "#009E73", "#E69F00", "#D55E00", "#CC79A7"
TRAIN_STYLE: dict[str, Any] = {"color": BLUE, "linestyle": (0, (4, 1.5)), "linewidth": 1.4}
EVALUATION_STYLE: dict[str, Any] = {"color": VERMILION, "linestyle": "-", "linewidth": 1.8}

DASHES: tuple[LineStyleType, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (8, 2)))

_LINE = 1.25
"""From one line of text to the next, in font sizes."""
_CONTRAST = 4.5
"""Of letters to the paper, at least (WCAG 2, level AA)."""


class LineEnd(NamedTuple):
    """Where a line ends, in the axes' data, and what is written there."""

    x: float
    y: float
    text: str
    color: str


def fix_layout(figure: Figure, ends: Mapping[Axes, Sequence[LineEnd]] | None = None) -> Figure:
    """Label the lines' ends, each axes' in one column at its right, and fix the layout for good.

    If each file format computed the layout anew, things would move a little from one to the next.
    """
    figure.draw_without_rendering()  # the labels' distances depend on the axes' height
    for axes, here in (ends or {}).items():
        _label_line_ends(axes, here)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places until they are ``gap`` apart and, if they have room, within [low, high].

    They move as little as can be, by the sum of squares: less its rank's share of the gaps, no place may lie
    below the one before, which is isotonic regression, by pooling adjacent violators.
    """
    order = np.argsort(places, kind="stable")
    shares = gap * np.arange(len(places))
    pools: list[tuple[float, int]] = []
    for place in np.asarray(places, float)[order] - shares:
        mean, count = float(place), 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        pools.append((mean, count))
    means, counts = zip(*pools, strict=True)
    moved = np.empty(len(places))
    moved[order] = np.clip(np.repeat(means, counts), low, high - shares[-1]) + shares
    return [float(place) for place in moved]


def luminance(color: ColorType) -> float:
    """Return how light a colour is, from 0 (black) to 1 (white), as WCAG's contrast counts it."""
    return float(np.asarray(to_rgb(color)) ** 2.2 @ (0.2126, 0.7152, 0.0722))


def text_color(color: str) -> str:
    """Darken a colour of lines as far as letters need it on paper."""
    most = 1.05 / _CONTRAST - 0.05
    return to_hex(np.asarray(to_rgb(color)) * min(1.0, most / max(luminance(color), most)) ** (1 / 2.2))


def svg(figure: Figure) -> str:
    """Return the picture as SVG without a background, letters as paths: of one record always the same."""
    content = io.StringIO()
    with rc_context(STYLE):  # at 300 dpi an image's pixels stay sharp squares
        figure.savefig(content, format="svg", dpi=300, transparent=True, metadata={"Date": None})
    return content.getvalue()


def svg_on_white(figure: Figure) -> str:
    """Return the picture as SVG for pages of any colour: of one record always the same."""
    content = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a picture for a folder, as NAME.svg and NAME.png on white, and return their paths (OSError)."""
    paths = []
    with rc_context(STYLE):
        for path, metadata in ((folder / f"{name}.svg", {"Date": None}), (folder / f"{name}.png", None)):
            content = io.BytesIO()
            figure.savefig(content, format=path.suffix[1:], dpi=225, metadata=metadata)
            write_atomically(path, content.getvalue())
            paths.append(path)
    return paths


def _label_line_ends(axes: Axes, ends: Sequence[LineEnd]) -> None:
    width, height = axes.bbox.size
    point = axes.figure.dpi / 72
    shown = axes.transData.transform([(end.x, end.y) for end in ends])[:, 1] - axes.bbox.y0
    places = spread(list(shown), _LINE * rcParams["font.size"] * point, 0, height)
    for end, place in zip(ends, places, strict=True):
        axes.annotate(
            end.text,
            (end.x, end.y),
            xytext=(1 + 10 * point / width, place / height),
            textcoords="axes fraction",
            va="center",
            color=text_color(end.color),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.color, "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
        )
