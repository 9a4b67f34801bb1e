"""Batch norm as loops over samples and channels, two forward and two backward; an activation may follow.

The loops take arrays alone: compiled by numba they run in torch's threads, uncompiled in Python, and are the
same. Axes: s and r sample 1…B, i channel 1…C. Arrays are rows (N, C) or planes (B, C, P), where every pixel
counts as a sample, and B as B·P; bfloat16 comes as its bits, and is computed in float32. Where a LeakyReLU of
``slope`` a follows (0: ReLU; None: no activation), ``y`` and ``dy`` are behind it; what lies between it and
batch norm, the y of the one and the x of the other, is called z.

Everything is said by x − origin, where origin is one of the channel's numbers: far from zero no digit is
lost, and squares do not cancel. μ = origin + rest. Short sums are taken in the dtype of computing, that of γ,
and added up in float64. The first pass each way runs backwards: what it reads last is in the cache for the
second.
"""

import math
from typing import Any

import numpy as np

from backproof.torch_nn.batchnorm import plane_loops, row_loops
from backproof.torch_nn.batchnorm.channels import Array, Channels
from backproof.torch_nn.loop_compiler.bfloat16 import widened
from backproof.torch_nn.loop_compiler.compiled import Loop, called_by_loops, in_parts

N_SUMS = 2
"""A pass adds up deviations and their squares, or what γ's and β's gradients are made of."""


@Loop
def statistics(x: Array, gamma: Array, parts: int) -> tuple[Array, Array, Array]:
    """Return origin and rest, which add up to the mean, and the biased variance of each channel (C,).

    bn.mu:   μ_i = (1/B) Σ_s x_si
    bn.var:  σ²_i = (1/B) Σ_s (x_si − μ_i)²
    """
    sums = np.zeros((parts, N_SUMS, len(gamma)))
    origin = np.zeros_like(gamma)
    for i in range(len(gamma)):
        origin[i] = _origin_of(x, i)
    if x.ndim == 2:
        in_parts(row_loops.add_deviations, parts, (x, origin, sums))
    else:
        in_parts(plane_loops.add_deviations, parts, (x, origin, sums))
    size = x.size // len(gamma)
    rest, var = np.zeros(len(gamma)), np.zeros(len(gamma))
    for i in range(len(gamma)):
        rest[i] = _over_parts(sums, 0, i) / size
        # Rounding may make a constant channel's variance negative.
        var[i] = max(_over_parts(sums, 1, i) / size - rest[i] * rest[i], 0.0)
    return origin, rest, var


@called_by_loops
def _over_parts(sums: Array, number: int, i: int) -> float:
    """Return what all parts together have of one of the sums, for channel i."""
    total = 0.0
    for part in range(len(sums)):
        total += sums[part, number, i]
    return total


@called_by_loops
def _origin_of(x: Array, i: int) -> Any:
    """Return one of channel i's numbers: of three, the one between the others, which is hardly an outlier."""
    middle, last = len(x) // 2, len(x) - 1
    if x.ndim == 2:
        a, b, c = widened(x[0, i]), widened(x[middle, i]), widened(x[last, i])
    else:
        p = x.shape[2]
        a, b, c = widened(x[0, i, 0]), widened(x[middle, i, p // 2]), widened(x[last, i, p - 1])
    return max(min(a, b), min(max(a, b), c))


@called_by_loops
def lines(gamma: Array, beta: Array, eps: float, origin: Array, rest: Array, var: Array) -> Channels:
    """Return what z is of x in each channel.

    bn.xhat:  x̂_si = (x_si − μ_i)/√(σ²_i + ε)
    """
    scale, offset = np.zeros_like(gamma), np.zeros_like(gamma)
    for i in range(len(gamma)):
        exact_scale = gamma[i] / math.sqrt(var[i] + eps)
        scale[i] = exact_scale
        offset[i] = beta[i] - exact_scale * rest[i]
    return Channels(origin, scale, offset)


@Loop
def normalise(
    x: Array,
    gamma: Array,
    beta: Array,
    eps: float,
    origin: Array,
    rest: Array,
    var: Array,
    slope: float | None,
    parts: int,
    y: Array,
) -> None:
    """Write y like x, given γ, β, μ = origin + rest, and σ² (C,).

    bn.y:          y_si = γ_i x̂_si + β_i
    leaky_relu.y:  y_si = max(0, x_si) + a min(0, x_si)
    """
    channels = lines(gamma, beta, eps, origin, rest, var)
    if x.ndim == 2:
        in_parts(row_loops.normalise, parts, (x, channels, slope, y))
    else:
        in_parts(plane_loops.normalise, parts, (x, channels, slope, y))


@Loop
def parameter_gradients(
    x: Array,
    dy: Array,
    gamma: Array,
    beta: Array,
    eps: float,
    origin: Array,
    rest: Array,
    var: Array,
    slope: float | None,
    parts: int,
) -> tuple[Array, Array]:
    """Return ∂L/∂γ and ∂L/∂β (C,) in float64, given ∂L/∂y like x.

    bn.dgamma:  ∂L/∂γ_i = Σ_s ∂L/∂y_si x̂_si
    bn.dbeta:   ∂L/∂β_i = Σ_s ∂L/∂y_si
    """
    channels = lines(gamma, beta, eps, origin, rest, var)
    sums = np.zeros((parts, N_SUMS, len(gamma)))
    if x.ndim == 2:
        in_parts(row_loops.add_gradients, parts, (x, dy, channels, slope, sums))
    else:
        in_parts(plane_loops.add_gradients, parts, (x, dy, channels, slope, sums))
    dgamma, dbeta = np.zeros(len(gamma)), np.zeros(len(gamma))
    for i in range(len(gamma)):
        dbeta[i] = _over_parts(sums, 1, i)
        dgamma[i] = (_over_parts(sums, 0, i) - rest[i] * dbeta[i]) / math.sqrt(var[i] + eps)
    return dgamma, dbeta


@Loop
def input_gradient(
    x: Array,
    dy: Array,
    gamma: Array,
    beta: Array,
    eps: float,
    origin: Array,
    rest: Array,
    var: Array,
    slope: float | None,
    dgamma: Array,
    dbeta: Array,
    size: int,
    parts: int,
    dx: Array,
) -> None:
    """Write ∂L/∂x like x, given ∂L/∂y like x, and ∂L/∂γ and ∂L/∂β (C,) over all ``size`` samples.

    bn.dx:  ∂L/∂x_si = (γ_i/(B √(σ²_i + ε))) (B ∂L/∂y_si − Σ_r ∂L/∂y_ri − x̂_si Σ_r ∂L/∂y_ri x̂_ri)
    """
    channels = lines(gamma, beta, eps, origin, rest, var)
    # What is subtracted from γ/√(σ² + ε) ∂L/∂z is a line over x − origin, too.
    dx_scale, dx_offset = np.zeros_like(gamma), np.zeros_like(gamma)
    for i in range(len(gamma)):
        invstd = 1 / math.sqrt(var[i] + eps)
        exact_scale = gamma[i] * invstd * invstd * dgamma[i] / size
        dx_scale[i] = exact_scale
        dx_offset[i] = gamma[i] * invstd * dbeta[i] / size - exact_scale * rest[i]
    line = dx_scale, dx_offset
    if x.ndim == 2:
        in_parts(row_loops.input_gradient, parts, (x, dy, channels, slope, line, dx))
    else:
        in_parts(plane_loops.input_gradient, parts, (x, dy, channels, slope, line, dx))


@Loop
def forward(
    x: Array, gamma: Array, beta: Array, eps: float, slope: float | None, parts: int, y: Array
) -> tuple[Array, Array, Array]:
    """Write y like x, and return what ``statistics`` does: both in one call."""
    origin, rest, var = statistics(x, gamma, parts)
    normalise(x, gamma, beta, eps, origin, rest, var, slope, parts, y)
    return origin, rest, var


@Loop
def backward(
    x: Array,
    dy: Array,
    gamma: Array,
    beta: Array,
    eps: float,
    origin: Array,
    rest: Array,
    var: Array,
    slope: float | None,
    parts: int,
    dx: Array,
) -> tuple[Array, Array]:
    """Write ∂L/∂x like x, and return ∂L/∂γ and ∂L/∂β: both in one call."""
    dgamma, dbeta = parameter_gradients(x, dy, gamma, beta, eps, origin, rest, var, slope, parts)
    size = x.size // len(gamma)
    input_gradient(x, dy, gamma, beta, eps, origin, rest, var, slope, dgamma, dbeta, size, parts, dx)
    return dgamma, dbeta
