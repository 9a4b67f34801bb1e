"""Where a kernel's windows lie on an image: the geometry that convolution and pooling share.

Axes: (h, v) window, the top left one at row and column −padding; (p, q) offset in a window; (g, u) pixel.
Window (h, v) has at its offset (p, q) the pixel where g = stride · h + p − padding, and so with v, q and u.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Offset", "Windows", "make_windows"]


class Offset(NamedTuple):
    """An offset (p, q), and the windows that have a pixel there, beside these pixels: two pairs of slices."""

    p: int
    q: int
    windows: tuple[slice, slice]
    pixels: tuple[slice, slice]


class Windows(NamedTuple):
    """Rows and columns of a kernel, of its stride, and of the padding at each side of the image."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def count_in(self, where: str, image: tuple[int, int]) -> tuple[int, int]:
        """Return how many windows lie below and beside each other (ValueError: the kernel is too large)."""
        counts = [
            (pixels + 2 * padding - kernel) // stride + 1
            for pixels, kernel, stride, padding in zip(image, *self, strict=True)
        ]
        if min(counts) < 1:
            raise ValueError(
                f"{where}: a kernel of {self.kernel} pixels is larger than the image of {image} "
                f"with {self.padding} pixels of padding at each side"
            )
        return counts[0], counts[1]

    def offsets(self, image: tuple[int, int]) -> Iterator[Offset]:
        """Yield every offset in a window, row by row."""
        rows, columns = (
            [_reach(offset, pixels, kernel, stride, padding) for offset in range(kernel)]
            for pixels, kernel, stride, padding in zip(image, *self, strict=True)
        )
        for p, (windows_h, pixels_g) in enumerate(rows):
            for q, (windows_v, pixels_u) in enumerate(columns):
                yield Offset(p, q, (windows_h, windows_v), (pixels_g, pixels_u))


def make_windows(
    where: str,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int],
    padding: int | tuple[int, int],
) -> Windows:
    """Return the windows of these sizes, each a number for both axes or a pair (ValueError)."""
    sizes = []
    for name, size, least in (
        ("kernel_size", kernel_size, 1),
        ("stride", stride, 1),
        ("padding", padding, 0),
    ):
        pair: tuple[Any, ...] = size if isinstance(size, tuple) else (size, size)
        if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in pair):
            raise ValueError(f"{where}: {name} is a whole number of {least} or more, or two; not {size!r}")
        sizes.append((int(pair[0]), int(pair[1])))
    return Windows(*sizes)


def _reach(offset: int, n: int, kernel: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Return, along one axis of n pixels, the windows whose pixel at the offset lies in the image, and it."""
    first = max(0, -(-(padding - offset) // stride))
    n_windows = (n + 2 * padding - kernel) // stride + 1
    end = max(first, min(n_windows, (n - 1 + padding - offset) // stride + 1))
    pixel = stride * first + offset - padding
    return slice(first, end), slice(pixel, pixel + stride * (end - first), stride)
