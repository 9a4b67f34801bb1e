"""Batch norm over rows (N, C), where a sample's channels are neighbours: each call takes some samples.

Letters are those of loops.py.
"""

import numpy as np

from backproof.torch_nn.batchnorm.channels import Array, Channels, part_of
from backproof.torch_nn.loop_compiler.bfloat16 import rounded, widened
from backproof.torch_nn.loop_compiler.compiled import called_by_loops, loop_part

SAMPLES = 16
"""How many are added up in the dtype of computing, before float64 adds their sums."""


@called_by_loops
def add_to(sums: Array, short_sums: Array) -> None:
    """Add up, in loops, which compile in less time than NumPy's sum of arrays."""
    for number in range(len(sums)):
        for i in range(sums.shape[1]):
            sums[number, i] += short_sums[number, i]


@loop_part
def add_deviations(part: int, parts: int, x: Array, origin: Array, sums: Array) -> None:
    """Add up x − origin and its square."""
    first, end = part_of(len(x), part, parts)
    for stop in range(end, first, -SAMPLES):
        short_sums = np.zeros(sums.shape[1:], origin.dtype)
        total, squares = short_sums[0], short_sums[1]
        for s in range(max(first, stop - SAMPLES), stop):
            x_s = x[s]
            for i in range(len(x_s)):
                deviation = widened(x_s[i]) - origin[i]
                total[i] += deviation
                squares[i] += deviation * deviation
        add_to(sums[part], short_sums)


@loop_part
def normalise(part: int, parts: int, x: Array, channels: Channels, slope: float | None, y: Array) -> None:
    """Write y.

    bn.y:          y_si = γ_i x̂_si + β_i
    leaky_relu.y:  y_si = max(0, x_si) + a min(0, x_si)
    """
    origin, scale, offset = channels
    first, end = part_of(len(x), part, parts)
    for s in range(first, end):
        x_s, y_s = x[s], y[s]
        for i in range(len(x_s)):
            z = scale[i] * (widened(x_s[i]) - origin[i]) + offset[i]
            if slope is not None:
                z = z if z > 0 else slope * z
            y_s[i] = rounded(z, y_s)


@loop_part
def add_gradients(
    part: int, parts: int, x: Array, dy: Array, channels: Channels, slope: float | None, sums: Array
) -> None:
    """Add up ∂L/∂z (x − origin) and ∂L/∂z.

    leaky_relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else a)
    """
    origin, scale, offset = channels
    first, end = part_of(len(x), part, parts)
    for stop in range(end, first, -SAMPLES):
        short_sums = np.zeros(sums.shape[1:], origin.dtype)
        products, total = short_sums[0], short_sums[1]
        for s in range(max(first, stop - SAMPLES), stop):
            x_s, dy_s = x[s], dy[s]
            for i in range(len(x_s)):
                deviation, dz = widened(x_s[i]) - origin[i], widened(dy_s[i])
                if slope is not None:
                    dz = dz if scale[i] * deviation + offset[i] > 0 else slope * dz
                products[i] += dz * deviation
                total[i] += dz
        add_to(sums[part], short_sums)


@loop_part
def input_gradient(
    part: int,
    parts: int,
    x: Array,
    dy: Array,
    channels: Channels,
    slope: float | None,
    gradient_line: tuple[Array, Array],
    dx: Array,
) -> None:
    """Write ∂L/∂x = scale ∂L/∂z − (dx_scale (x − origin) + dx_offset), the last two from ``gradient_line``.

    leaky_relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else a)
    """
    origin, scale, offset = channels
    dx_scale, dx_offset = gradient_line
    first, end = part_of(len(x), part, parts)
    for s in range(first, end):
        x_s, dy_s, dx_s = x[s], dy[s], dx[s]
        for i in range(len(x_s)):
            deviation, dz = widened(x_s[i]) - origin[i], widened(dy_s[i])
            if slope is not None:
                dz = dz if scale[i] * deviation + offset[i] > 0 else slope * dz
            dx_s[i] = rounded(scale[i] * dz - (dx_scale[i] * deviation + dx_offset[i]), dx_s)
