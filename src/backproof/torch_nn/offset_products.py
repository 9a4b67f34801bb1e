"""A convolution as matrix products: one for each offset of the kernel, over the pixels that it reaches.

Kernels are odd and move by single pixels, and as many pixels come out as go in. Axes: s sample 1…B, i channel
in 1…C, m channel out 1…M, (g, u) pixel in, (h, v) pixel out, (p, q) offset in the K_h × K_v kernel. Pixels
lie before channels: x (B, H, V, C), y (B, H, V, M), W (M, K_h, K_v, C). Outside the image, x and dy are zero,
and P = (K_h − 1)/2 for rows, (K_v − 1)/2 for columns.

The formulas are those of numpy_nn/conv2d.py with stride S = 1; but z, the pixels of all windows, is never
made: what one offset (p, q) has of it is a part of x.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

_ALL = slice(None)


class Offset(NamedTuple):
    """An offset of the kernel, and the pixels of y whose neighbour there lies in x: where they and it are."""

    kernel: tuple[slice, int, int]
    y: tuple[slice, slice, slice]
    x: tuple[slice, slice, slice]


def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return y, given x, W and b (M,).

    conv.y:  y_smhv = Σ_p Σ_q Σ_i W_mipq z_shvpqi + b_m
    """
    y = _zeros(x, weight.shape[0])
    if bias is not None:
        y += bias
    for offset in _offsets(x, weight):
        _add(y[offset.y], _rows(x[offset.x]) @ weight[offset.kernel].T)
    return y.to(x.dtype)


def input_gradient(dy: Tensor, weight: Tensor) -> Tensor:
    """Return dx, given dy = ∂L/∂y.

    conv.dx:  ∂L/∂x_sigu = Σ_h Σ_v Σ_p Σ_q ∂L/∂z_shvpqi δ_{g + P, S h + p} δ_{u + P, S v + q}
    """
    dx = _zeros(dy, weight.shape[-1])
    for offset in _offsets(dy, weight):
        _add(dx[offset.x], _rows(dy[offset.y]) @ weight[offset.kernel])
    return dx.to(dy.dtype)


def weight_gradient(dy: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return dW, given dy = ∂L/∂y.

    conv.dW:  ∂L/∂W_mipq = Σ_s Σ_h Σ_v ∂L/∂y_smhv z_shvpqi
    """
    dweight = weight.new_empty(weight.shape)
    for offset in _offsets(x, weight):
        torch.mm(_rows(dy[offset.y]).T, _rows(x[offset.x]), out=dweight[offset.kernel])
    return dweight


def bias_gradient(dy: Tensor) -> Tensor:
    """Return db (M,), given dy = ∂L/∂y.

    conv.db:  ∂L/∂b_m = Σ_s Σ_h Σ_v ∂L/∂y_smhv
    """
    return dy.sum((0, 1, 2))


def useful_share(n: int, n_offsets: int) -> float:
    """Return which share of what a sliding kernel meets, along one axis of n pixels, is no padding."""
    reached: int = sum(out.stop - out.start for out, _ in _reach(n, n_offsets))
    return reached / (n * n_offsets)


def _offsets(pixels: Tensor, weight: Tensor) -> Iterator[Offset]:
    """Yield every offset of the kernel W."""
    for row, (y_rows, x_rows) in enumerate(_reach(pixels.shape[1], weight.shape[1])):
        for column, (y_columns, x_columns) in enumerate(_reach(pixels.shape[2], weight.shape[2])):
            yield Offset((_ALL, row, column), (_ALL, y_rows, y_columns), (_ALL, x_rows, x_columns))


def _reach(n: int, n_offsets: int) -> Iterator[tuple[slice, slice]]:
    """Yield, along one axis of n pixels, those out and those in that each offset of the kernel connects."""
    for k in range(-(n_offsets // 2), n_offsets // 2 + 1):
        first = max(0, -k)
        last = max(first, n - max(0, k))
        yield slice(first, last), slice(first + k, last + k)


def _zeros(pixels: Tensor, channels: int) -> Tensor:
    """Make a sum over offsets: in float32 for a half's precision, which would round it at each of them."""
    dtype = torch.promote_types(pixels.dtype, torch.float32)
    return pixels.new_zeros((*pixels.shape[:3], channels), dtype=dtype)


def _rows(pixels: Tensor) -> Tensor:
    """Return pixels (B, h, v, C) as a matrix, each a row."""
    return pixels.flatten(0, 2)


def _add(total: Tensor, rows: Tensor) -> None:
    """Add a matrix of pixels, each a row, to pixels (B, h, v, C)."""
    total.add_(rows.view(total.shape))
