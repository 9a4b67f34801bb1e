"""Figures of a network's predictions: its confusion matrix, and its most confident mistakes."""

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backproof.report.figures.tiles import tiles
from backproof.report.style import STYLE, WIDTH, fix_layout, luminance
from backproof.training.predictions import Predictions

_COLORS = colormaps["Blues"]  # one hue, ever darker: the same order on a screen, in grey and to any eye
_COLUMNS, _ROW = 4, 1.35
_SHORT = 5
"""Letters of a name that fit below a column of ten."""


def confusion(predictions: Predictions) -> Figure:
    """Draw the confusion matrix: a cell's number counts images, its colour is their share of the row."""
    counts = predictions.confusion_matrix()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    places = range(len(predictions.classes))
    with rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(shares, cmap=_COLORS, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            dark = luminance(_COLORS(shares[row, column])) < 0.18  # where white and black contrast alike
            axes.text(column, row, f"{count}", ha="center", va="center", color="white" if dark else "black")
        axes.set_xticks(places, predictions.classes)
        if max(map(len, predictions.classes)) > _SHORT:
            axes.tick_params(axis="x", rotation=35)
            for name in axes.get_xticklabels():
                name.set(ha="right", rotation_mode="anchor")
        axes.set_yticks(places, predictions.classes)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("right class")
        axes.spines[:].set_visible(False)
        scale = figure.colorbar(image, ax=axes, pad=0.02, aspect=30, format=PercentFormatter(xmax=1))
        scale.set_label("share of the class's images")
        scale.outline.set_visible(False)
        return fix_layout(figure)


def mistakes(predictions: Predictions) -> Figure:
    """Draw the images that were predicted wrongly with the highest confidence, the worst first."""
    with rc_context(STYLE):
        if not len(predictions.mistakes):
            figure = Figure(figsize=(WIDTH, 0.5))
            figure.text(
                0.5, 0.5, f"No mistakes among {len(predictions.labels):,} images.", ha="center", va="center"
            )
            return figure
        titles = [
            f"{right} → {predicted}\n{_percent(confidence)}"
            for (right, predicted), confidence in zip(
                predictions.mistake_classes(), predictions.confidence[predictions.mistakes], strict=True
            )
        ]
        return fix_layout(tiles(predictions.mistaken_pixels, _COLUMNS, _ROW, titles))


def _percent(confidence: float) -> str:
    return f"{confidence:.1%}" if confidence < 0.9995 else "over 99.9%"  # never quite certain
