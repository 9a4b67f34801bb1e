"""Mirrored and shifted copies of a batch, over which an evaluation may average."""

from collections.abc import Iterator

import numpy as np

from backproof.arrays import Images
from backproof.errors import ConfigError

_SHIFTS = {
    1: [(0, 0)],
    2: [(0, 0)],
    6: [(0, 0), (-1, -1), (1, 1)],
    18: [(0, 0), *((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))],
}
"""Pixels down and right, no shift first, by the number of views."""


def views(images: Images, how_many: int) -> Iterator[Images]:
    """Yield the batch (B, channels, height, width) itself, then its other views (ConfigError).

    2: also mirrored; 6: both also shifted by one pixel to the upper left and to the lower right, as in
    cifar10-airbench (Jordan, arXiv 2404.00498); 18: both at all nine shifts of up to a pixel. Zeros, the mean
    image, come in at the border. Every view but the first overwrites the one before.
    """
    if how_many not in _SHIFTS:
        raise ConfigError(f"views must be one of {', '.join(map(str, _SHIFTS))}, not {how_many}")
    return _views(images, how_many)


def _views(images: Images, how_many: int) -> Iterator[Images]:
    yield images
    if how_many == 1:
        return
    height, width = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.empty_like(images)
    for down, right in _SHIFTS[how_many]:
        window = padded[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
        if (down, right) != (0, 0):
            view[...] = window
            yield view
        view[...] = window[:, :, :, ::-1]
        yield view
