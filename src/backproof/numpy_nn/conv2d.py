"""The convolution, as two products of matrices around a copy of the pixels: im2col and its transpose, col2im.

Axes: s sample 1…B, i channel in 1…C, m channel out 1…M, (g, u) pixel in, (h, v) pixel out, and so window;
(p, q) offset in the K_h × K_v kernel; pixels and offsets count from 0. It moves by stride S over an image
with P pixels of padding at each side: δ δ is 1 where the window has the pixel at the offset, else 0.
(Columns may have another S and P.)

Arrays have PyTorch's shapes, (B, C, H, V). In memory, channels are best last, so that a pixel's channels are
neighbours: a window is then copied in runs of C numbers (with channels first, in single ones), rows of
matrices are pixels, and no product needs a transposition. So output and dx come with channels last,
weights are kept so, and input of any other layout is copied once.
"""

import numpy as np
import numpy.typing as npt

from backproof.numpy_nn.array_checks import (
    Array,
    require_dout,
    require_dtype,
    require_float_dtype,
    require_saved,
)
from backproof.numpy_nn.channels import channels_first, channels_last, require_channels_last, sum_over_pixels
from backproof.numpy_nn.initialization import draw_uniform
from backproof.numpy_nn.windows import Windows, make_windows

__all__ = ["Conv2d"]


class Conv2d:
    """y = W ⋆ x + b, with ``params`` and ``grads`` keyed ``weight`` (M, C, K_h, K_v) and ``bias`` (M,).

    Kernel, stride and padding are numbers for both axes, or pairs (rows, columns); outside the image, x is
    zero. Parameters are drawn from ``rng``, uniformly from ±1/√(C K_h K_v) as PyTorch has them, and rounded
    to ``dtype``; input of any other dtype is refused. Sizes that make no sense are a ValueError, and so are
    gradients to be written into an array whose channels are not last in memory.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        require_float_dtype("Conv2d", dtype)
        if in_channels < 1 or out_channels < 1:
            raise ValueError(
                f"Conv2d needs at least one channel on each side, got {in_channels} → {out_channels}"
            )
        self.windows = make_windows("Conv2d", kernel_size, stride, padding)
        weight = channels_first(np.empty((out_channels, *self.windows.kernel, in_channels), dtype))
        self.params: dict[str, Array] = {"weight": weight, "bias": np.empty(out_channels, dtype)}
        self.grads: dict[str, Array] = {name: np.zeros_like(value) for name, value in self.params.items()}
        draw_uniform(weight, self.params["bias"], rng)
        # Kept for backward, as copying again takes longer: 70 MB for all of Table 1, batch 32, float32.
        self._z: Array | None = None
        self._image = (0, 0)

    def forward(self, x: Array) -> Array:
        """Map x (B, C, H, V) to y (B, M, H_y, V_y).

        conv.y:  y_smhv = Σ_p Σ_q Σ_i W_mipq z_shvpqi + b_m
        """
        weight = self.params["weight"]
        if x.ndim != 4 or x.size == 0 or x.shape[1] != weight.shape[1]:
            raise ValueError(
                f"Conv2d.forward: x has shape {x.shape}, but weight of shape {weight.shape} "
                f"takes (B, {weight.shape[1]}, H, W), each ≥ 1"
            )
        require_dtype("Conv2d.forward", "x", x, "weight", weight)
        n_windows = self.windows.count_in("Conv2d.forward", x.shape[2:])
        self._image = x.shape[2:]
        self._z = im2col(channels_last(x), self.windows)
        kernels = _matrix(weight)
        y = self._z.reshape(-1, kernels.shape[1]) @ kernels.T
        y += self.params["bias"]
        return channels_first(y.reshape(len(x), *n_windows, -1))

    def backward(self, dout: Array) -> Array:
        """Fill ``grads`` and return dx (B, C, H, V), given dout = ∂L/∂y (B, M, H_y, V_y).

        conv.dz:  ∂L/∂z_shvpqi = Σ_m ∂L/∂y_smhv W_mipq
        """
        self.backward_params(dout)
        z = require_saved("Conv2d", self._z)
        weight = self.params["weight"]
        dz = channels_last(dout).reshape(-1, len(weight)) @ _matrix(weight)
        return channels_first(col2im(dz.reshape(z.shape), self.windows, self._image))

    def backward_params(self, dout: Array) -> None:
        """Fill ``grads`` alone: nothing needs dx of a network's first layer.

        conv.dW:  ∂L/∂W_mipq = Σ_s Σ_h Σ_v ∂L/∂y_smhv z_shvpqi
        conv.db:  ∂L/∂b_m = Σ_s Σ_h Σ_v ∂L/∂y_smhv
        """
        z = require_saved("Conv2d", self._z)
        weight = self.params["weight"]
        n_samples, *n_windows = z.shape[:3]
        require_dout("Conv2d", dout, (n_samples, len(weight), *n_windows), weight.dtype)
        dy = channels_last(dout)
        rows = dy.reshape(-1, len(weight))
        require_channels_last("Conv2d.backward", "grads['weight']", self.grads["weight"])
        np.matmul(rows.T, z.reshape(len(rows), -1), out=_matrix(self.grads["weight"]))
        self.grads["bias"][...] = sum_over_pixels(dy)


def im2col(x: Array, windows: Windows) -> Array:
    """Copy each window of x (B, H, V, C) into z (B, H_y, V_y, K_h, K_v, C), zeros where it leaves the image.

    conv.z:  z_shvpqi = Σ_g Σ_u δ_{g + P, S h + p} δ_{u + P, S v + q} x_sigu
    """
    n_windows = windows.count_in("im2col", x.shape[1:3])
    z = np.zeros((len(x), *n_windows, *windows.kernel, x.shape[-1]), x.dtype)
    for p, q, (h, v), (g, u) in windows.offsets(x.shape[1:3]):
        z[:, h, v, p, q] = x[:, g, u]
    return z


def col2im(dz: Array, windows: Windows, image: tuple[int, int]) -> Array:
    """Add up at each pixel what its copies in dz (B, H_y, V_y, K_h, K_v, C) have: return dx (B, H, V, C).

    conv.dx:  ∂L/∂x_sigu = Σ_h Σ_v Σ_p Σ_q ∂L/∂z_shvpqi δ_{g + P, S h + p} δ_{u + P, S v + q}
    """
    dx = np.zeros((len(dz), *image, dz.shape[-1]), dz.dtype)
    for p, q, (h, v), (g, u) in windows.offsets(image):
        dx[:, g, u] += dz[:, h, v, p, q]
    return dx


def _matrix(weight: Array) -> Array:
    """View weights (M, C, K_h, K_v) as a matrix (M, K_h K_v C); one with channels first is copied."""
    return channels_last(weight).reshape(len(weight), -1)
