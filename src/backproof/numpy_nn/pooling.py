"""Pooling: the largest pixel of each window, or the mean.

Axes: s sample 1…B, i channel 1…C, (h, v) window, so pixel out; (g, u) pixel in; (p, q) offset in a window of
K_h × K_v pixels; pixels and offsets count from 0. n_sihvgu is 1 where the pixel is the first largest of its
window, n_hvgu where it is in the window at all; else they are 0.
"""

import numpy as np

from backproof.numpy_nn.array_checks import Array, require_dout, require_saved
from backproof.numpy_nn.channels import channels_first, channels_last, require_images
from backproof.numpy_nn.windows import Windows, make_windows

__all__ = ["AvgPool2d", "MaxPool2d"]


class MaxPool2d:
    """The maximum of each window; padding plays no part in it. Of equal pixels, the first one is chosen.

    Kernel, stride (by default the kernel's size) and padding (at most half the kernel) are numbers for both
    axes, or pairs (rows, columns); else ValueError. NaN in a window is its maximum, and the gradient then
    goes to the window's first pixel.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        self.windows = _pooling_windows("MaxPool2d", kernel_size, stride, padding)
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._x_and_y: tuple[Array, Array] | None = None

    def forward(self, x: Array) -> Array:
        """Map x (B, C, H, V) to y (B, C, H_y, V_y).

        max_pool.y:  y_sihv = Σ_g Σ_u n_sihvgu x_sigu
        """
        require_images("MaxPool2d.forward", "x", x)
        pixels, image = channels_last(x), x.shape[2:]
        n_windows = self.windows.count_in("MaxPool2d.forward", image)
        y = np.full((len(x), *n_windows, x.shape[1]), -np.inf, x.dtype)
        for _, _, (h, v), (g, u) in self.windows.offsets(image):
            np.maximum(y[:, h, v], pixels[:, g, u], out=y[:, h, v])
        self._x_and_y = pixels, y
        return channels_first(y)

    def backward(self, dout: Array) -> Array:
        """Return dx (B, C, H, V), given dout = ∂L/∂y (B, C, H_y, V_y).

        max_pool.dx:  ∂L/∂x_sigu = Σ_h Σ_v ∂L/∂y_sihv n_sihvgu
        """
        x, y = require_saved("MaxPool2d", self._x_and_y)
        require_dout("MaxPool2d", dout, channels_first(y).shape, y.dtype)
        dx = np.zeros_like(x)
        # In place of nine passes over dx: one sum at the chosen pixels, which windows may share.
        np.add.at(dx.reshape(-1), _chosen(x, y, self.windows).reshape(-1), channels_last(dout).reshape(-1))
        return channels_first(dx)


def _chosen(x: Array, y: Array, windows: Windows) -> Array:
    """Return where in x (B, H, V, C), counted through, each window's maximum y (B, H_y, V_y, C) was found."""
    image, n_channels = x.shape[1:3], x.shape[-1]
    n_before = np.zeros(y.shape, np.min_scalar_type(windows.kernel[0] * windows.kernel[1]))
    smaller_so_far = np.ones(y.shape, bool)
    for _, _, (h, v), (g, u) in windows.offsets(image):
        smaller_so_far[:, h, v] &= x[:, g, u] < y[:, h, v]
        n_before += smaller_so_far.view(np.uint8)  # as whole numbers, which need no conversion
    p, q = np.indices(windows.kernel).reshape(2, -1)
    s, row, column = np.ogrid[tuple(map(slice, y.shape[:3]))]
    row, column = (
        along * stride - padding
        for along, stride, padding in zip((row, column), windows.stride, windows.padding, strict=True)
    )
    chosen: Array = ((p * image[1] + q) * n_channels)[n_before]
    chosen += (((s * image[0] + row) * image[1] + column) * n_channels)[..., None]
    chosen += np.arange(n_channels)
    return chosen


class AvgPool2d:
    """The mean of each window, in which padding counts as zeros.

    Kernel, stride (by default the kernel's size) and padding (at most half the kernel) are numbers for both
    axes, or pairs (rows, columns); else ValueError.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        self.windows = _pooling_windows("AvgPool2d", kernel_size, stride, padding)
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Map x (B, C, H, V) to y (B, C, H_y, V_y).

        avg_pool.y:  y_sihv = (1/(K_h K_v)) Σ_g Σ_u n_hvgu x_sigu
        """
        require_images("AvgPool2d.forward", "x", x)
        self._x, image = channels_last(x), x.shape[2:]
        n_windows = self.windows.count_in("AvgPool2d.forward", image)
        y = np.zeros((len(x), *n_windows, x.shape[1]), x.dtype)
        for _, _, (h, v), (g, u) in self.windows.offsets(image):
            y[:, h, v] += self._x[:, g, u]
        y /= self.windows.kernel[0] * self.windows.kernel[1]
        return channels_first(y)

    def backward(self, dout: Array) -> Array:
        """Return dx (B, C, H, V), given dout = ∂L/∂y (B, C, H_y, V_y).

        avg_pool.dx:  ∂L/∂x_sigu = (1/(K_h K_v)) Σ_h Σ_v ∂L/∂y_sihv n_hvgu
        """
        x = require_saved("AvgPool2d", self._x)
        n_windows = self.windows.count_in("AvgPool2d.backward", x.shape[1:3])
        require_dout("AvgPool2d", dout, (len(x), x.shape[-1], *n_windows), x.dtype)
        dy = channels_last(dout)
        dx = np.zeros_like(x)
        for _, _, (h, v), (g, u) in self.windows.offsets(x.shape[1:3]):
            dx[:, g, u] += dy[:, h, v]
        dx /= self.windows.kernel[0] * self.windows.kernel[1]
        return channels_first(dx)


def _pooling_windows(
    where: str,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None,
    padding: int | tuple[int, int],
) -> Windows:
    """Return the windows, none of which lies in the padding alone (ValueError)."""
    windows = make_windows(where, kernel_size, kernel_size if stride is None else stride, padding)
    if any(2 * beside > kernel for beside, kernel in zip(windows.padding, windows.kernel, strict=True)):
        raise ValueError(
            f"{where}: padding {windows.padding} is more than half of the kernel {windows.kernel}: "
            "windows would have no pixel"
        )
    return windows
