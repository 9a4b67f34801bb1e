"""Small images in rows, pixel by pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from backproof.report.style import WIDTH


def tiles(images: npt.NDArray[Any], columns: int, row: float, titles: Sequence[str] = ()) -> Figure:
    """Draw images (N, channels, height, width), uint8 or floats in [0, 1]; ``row``: inches, with the titles.

    Three channels are drawn in colour, any other number of them as the grey of their mean.
    The grid is as wide for one image as for many: what lies beside each other in a report has one scale.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(WIDTH, rows * row), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid.flat, images, strict=False):
        if len(image) == 3:
            axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
        else:
            white = 255 if image.dtype == np.uint8 else 1
            axes.imshow(image.mean(axis=0), cmap="gray", vmin=0, vmax=white, interpolation="nearest")
    for axes, title in zip(grid.flat, titles, strict=False):
        axes.set_title(title, loc="center", fontweight="normal", fontsize=8, pad=3)
    return figure
