"""Batch norm over rows (N, C), where a sample's channels are neighbours in memory; each call takes some samples.

Letters are those of loops.py.
"""

import numpy as np

from backproof.torch_nn.batchnorm.channels import Array, Channels, part_of, xhat_of
from backproof.torch_nn.loop_compiler.bfloat16 import rounded, widened
from backproof.torch_nn.loop_compiler.compiled import loop_part

SAMPLES = 16
"""How many are added up in the dtype of computing, before float64 adds their sums."""


@loop_part
def add_deviations(part: int, parts: int, x: Array, origin: Array, sums: Array) -> None:
    """Add up x − origin and its square.

    bn.mu:   μ_i = (1/B) Σ_s x_si
    bn.var:  σ²_i = (1/B) Σ_s (x_si − μ_i)²
    """
    first, end = part_of(len(x), part, parts)
    for start in range(first, end, SAMPLES):
        short_sums = np.zeros((2, len(origin)), origin.dtype)
        total, squares = short_sums
        for s in range(start, min(start + SAMPLES, end)):
            x_s = x[s]
            for i in range(len(x_s)):
                deviation = widened(x_s[i]) - origin[i]
                total[i] += deviation
                squares[i] += deviation * deviation
        sums[part] += short_sums


@loop_part
def normalise(part: int, parts: int, x: Array, channels: Channels, slope: float | None, y: Array) -> None:
    """Write y.

    bn.y:          z_si = γ_i x̂_si + β_i
    leaky_relu.y:  y_si = max(0, z_si) + a min(0, z_si)
    """
    gamma, beta, origin, rest, invstd = channels
    first, end = part_of(len(x), part, parts)
    for s in range(first, end):
        x_s, y_s = x[s], y[s]
        for i in range(len(x_s)):
            xhat = xhat_of(x_s[i], origin[i], rest[i], invstd[i])
            z = gamma[i] * xhat + beta[i]
            if slope is not None:
                z = z if z > 0 else slope * z
            y_s[i] = rounded(z, y_s)


@loop_part
def add_gradients(
    part: int, parts: int, x: Array, dy: Array, channels: Channels, slope: float | None, sums: Array
) -> None:
    """Add up ∂L/∂z x̂ and ∂L/∂z.

    leaky_relu.dx:  ∂L/∂z_si = ∂L/∂y_si (1 if z_si > 0 else a)
    bn.dgamma:      ∂L/∂γ_i = Σ_s ∂L/∂z_si x̂_si
    bn.dbeta:       ∂L/∂β_i = Σ_s ∂L/∂z_si
    """
    gamma, beta, origin, rest, invstd = channels
    first, end = part_of(len(x), part, parts)
    for start in range(first, end, SAMPLES):
        short_sums = np.zeros((2, len(gamma)), gamma.dtype)
        dgamma, dbeta = short_sums
        for s in range(start, min(start + SAMPLES, end)):
            x_s, dy_s = x[s], dy[s]
            for i in range(len(x_s)):
                xhat = xhat_of(x_s[i], origin[i], rest[i], invstd[i])
                dz = widened(dy_s[i])
                if slope is not None:
                    dz = dz if gamma[i] * xhat + beta[i] > 0 else slope * dz
                dgamma[i] += dz * xhat
                dbeta[i] += dz
        sums[part] += short_sums


@loop_part
def input_gradient(
    part: int,
    parts: int,
    x: Array,
    dy: Array,
    channels: Channels,
    slope: float | None,
    mean_dz: Array,
    mean_dz_xhat: Array,
    dx: Array,
) -> None:
    """Write ∂L/∂x.

    leaky_relu.dx:  ∂L/∂z_si = ∂L/∂y_si (1 if z_si > 0 else a)
    bn.dx:          ∂L/∂x_si = (γ_i/(B √(σ²_i + ε))) (B ∂L/∂z_si − Σ_r ∂L/∂z_ri − x̂_si Σ_r ∂L/∂z_ri x̂_ri)
    """
    gamma, beta, origin, rest, invstd = channels
    first, end = part_of(len(x), part, parts)
    for s in range(first, end):
        x_s, dy_s, dx_s = x[s], dy[s], dx[s]
        for i in range(len(x_s)):
            xhat = xhat_of(x_s[i], origin[i], rest[i], invstd[i])
            dz = widened(dy_s[i])
            if slope is not None:
                dz = dz if gamma[i] * xhat + beta[i] > 0 else slope * dz
            dx_s[i] = rounded(gamma[i] * invstd[i] * (dz - mean_dz[i] - xhat * mean_dz_xhat[i]), dx_s)
