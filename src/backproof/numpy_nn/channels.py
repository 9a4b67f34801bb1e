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
    """Return the sum of each channel of x, features (B, C) or pixels (B, H, V, C).

    By a product with ones, since BLAS takes a quarter of np.sum's time; pixels in each sample by itself, then
    over the samples, as two short sums are rounded less than a long one.
    """
    samples = x[None] if x.ndim == 2 else x
    pixels = samples.reshape(len(samples), -1, x.shape[-1])
    of_each: Array = np.ones((1, pixels.shape[1]), x.dtype) @ pixels
    total: Array = of_each.sum(axis=(0, 1))
    return total


def require_channels_last(where: str, name: str, x: Array) -> None:
    """Refuse an array (B, C, H, V) to be written into as pixels, if its channels are not last in memory.

    Raises ValueError: written into a copy, the numbers would be lost. Pickle keeps no order of axes.
    """
    if not x.transpose(0, 2, 3, 1).flags.c_contiguous:
        raise ValueError(
            f"{where}: {name} of shape {x.shape} has strides {x.strides}, but its channels have to be last "
            "in memory; make a new layer and set its params"
        )


def require_images(where: str, name: str, x: Array) -> None:
    """Refuse anything but floating-point images (B, C, H, V), none of them 0.

    Raises ValueError for a wrong shape, TypeError for a wrong dtype.
    """
    if x.ndim != 4 or x.size == 0:
        raise ValueError(f"{where}: {name} has shape {x.shape}, expected (B, C, H, W), each ≥ 1")
    require_floating(where, name, x)
