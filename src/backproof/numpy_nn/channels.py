"""Images as layers have them: shapes (B, C, H, V), and channels last in memory.

Axes: s sample 1…B, i channel 1…C, (h, v) pixel.
"""

import numpy as np

from backproof.numpy_nn.array_checks import Array, require_floating


def channels_last(x: Array) -> Array:
    """Return x (B, C, H, V) as contiguous pixels (B, H, V, C): a view, if its channels are last in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def channels_first(x: Array) -> Array:
    """View pixels (B, H, V, C) as images (B, C, H, V)."""
    return x.transpose(0, 3, 1, 2)


def sum_over_pixels(x: Array) -> Array:
    """Return the sum of each channel of x (B, …, C).

    First over each sample's pixels, then over the samples: two short sums are rounded less than a long one.
    The first is a product with ones, which BLAS computes in a quarter of np.sum's time.
    """
    pixels = x.reshape(len(x), -1, x.shape[-1])
    of_each: Array = np.ones((1, pixels.shape[1]), x.dtype) @ pixels
    total: Array = of_each.sum(axis=(0, 1))
    return total


def require_images(where: str, name: str, x: Array, n_channels: int | None = None) -> None:
    """Refuse anything but floating-point images (B, C, H, V), none of them 0, of so many channels.

    Raises ValueError for a wrong shape, TypeError for a wrong dtype.
    """
    if x.ndim != 4 or x.size == 0 or n_channels not in (None, x.shape[1]):
        expected = "C" if n_channels is None else n_channels
        raise ValueError(f"{where}: {name} has shape {x.shape}, expected (B, {expected}, H, W), each ≥ 1")
    require_floating(where, name, x)
