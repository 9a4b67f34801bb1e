"""The weights of a network's first layer, as images."""

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from backproof.report.figures.tiles import tiles
from backproof.report.style import STYLE, WIDTH, fix_layout
from backproof.training.predictions import Predictions

_COLUMNS = 8


def first_layer(predictions: Predictions) -> Figure:
    """Draw each unit's weights as the image that excites it: grey is zero, the scale is the unit's own.

    One scale for all would show the few units with large weights and leave the others grey.
    """
    weights = predictions.first_weights.astype(np.float32)  # half precision would round the shades
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    shades = 0.5 + 0.5 * weights / np.where(largest > 0, largest, 1)
    with rc_context(STYLE):
        return fix_layout(tiles(shades, _COLUMNS, WIDTH / _COLUMNS))
