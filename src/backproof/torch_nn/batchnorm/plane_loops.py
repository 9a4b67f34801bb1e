"""Batch norm over planes (B, C, P), where a channel's pixels are neighbours: each call takes some channels.

Letters are those of loops.py; p stands for a pixel's h and v.
"""

from backproof.torch_nn.batchnorm.channels import Array, Channels, part_of
from backproof.torch_nn.loop_compiler.bfloat16 import rounded, widened
from backproof.torch_nn.loop_compiler.compiled import loop_part, summing_loop_part

PIXELS = 1024
"""How many of an image are added up in the dtype of computing, before float64 adds their sums."""


@summing_loop_part
def add_deviations(part: int, parts: int, x: Array, origins: Array, sums: Array) -> None:
    """Add up x − origin and its square."""
    first, end = part_of(x.shape[1], part, parts)
    for i in range(end - 1, first - 1, -1):
        origin = origins[i]
        for s in range(len(x)):
            x_si = x[s, i]
            for start in range(0, len(x_si), PIXELS):
                total = squares = origins.dtype.type(0)
                for p in range(start, min(start + PIXELS, len(x_si))):
                    deviation = widened(x_si[p]) - origin
                    total += deviation
                    squares += deviation * deviation
                sums[part, 0, i] += total
                sums[part, 1, i] += squares


@loop_part
def normalise(part: int, parts: int, x: Array, channels: Channels, slope: float | None, y: Array) -> None:
    """Write y.

    bn2d.y:        y_sihv = γ_i x̂_sihv + β_i
    leaky_relu.y:  y_si = max(0, x_si) + a min(0, x_si)
    """
    first, end = part_of(x.shape[1], part, parts)
    for i in range(first, end):
        origin, scale, offset = channels.origin[i], channels.scale[i], channels.offset[i]
        for s in range(len(x)):
            x_si, y_si = x[s, i], y[s, i]
            for p in range(len(x_si)):
                z = scale * (widened(x_si[p]) - origin) + offset
                if slope is not None:
                    z = z if z > 0 else slope * z
                y_si[p] = rounded(z, y_si)


@summing_loop_part
def add_gradients(
    part: int, parts: int, x: Array, dy: Array, channels: Channels, slope: float | None, sums: Array
) -> None:
    """Add up ∂L/∂z (x − origin) and ∂L/∂z.

    leaky_relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else a)
    """
    first, end = part_of(x.shape[1], part, parts)
    for i in range(end - 1, first - 1, -1):
        origin, scale, offset = channels.origin[i], channels.scale[i], channels.offset[i]
        for s in range(len(x)):
            x_si, dy_si = x[s, i], dy[s, i]
            for start in range(0, len(x_si), PIXELS):
                products = total = channels.origin.dtype.type(0)
                for p in range(start, min(start + PIXELS, len(x_si))):
                    deviation, dz = widened(x_si[p]) - origin, widened(dy_si[p])
                    if slope is not None:
                        dz = dz if scale * deviation + offset > 0 else slope * dz
                    products += dz * deviation
                    total += dz
                sums[part, 0, i] += products
                sums[part, 1, i] += total


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
    first, end = part_of(x.shape[1], part, parts)
    for i in range(first, end):
        origin, scale, offset = channels.origin[i], channels.scale[i], channels.offset[i]
        dx_scale, dx_offset = gradient_line[0][i], gradient_line[1][i]
        for s in range(len(x)):
            x_si, dy_si, dx_si = x[s, i], dy[s, i], dx[s, i]
            for p in range(len(x_si)):
                deviation, dz = widened(x_si[p]) - origin, widened(dy_si[p])
                if slope is not None:
                    dz = dz if scale * deviation + offset > 0 else slope * dz
                dx_si[p] = rounded(scale * dz - (dx_scale * deviation + dx_offset), dx_si)
