"""Batch norm over planes (B, C, P), where a channel's pixels are neighbours in memory; each call takes some channels.

Letters are those of loops.py; p is a pixel. One image's pixels are added up in the dtype of computing, before
float64 adds their sums.
"""

from backproof.torch_nn.batchnorm.channels import Array, Channels, channel, part_of, xhat_of
from backproof.torch_nn.loop_compiler.bfloat16 import rounded, widened
from backproof.torch_nn.loop_compiler.compiled import loop_part, summing_loop_part


@summing_loop_part
def add_deviations(part: int, parts: int, x: Array, origin: Array, sums: Array) -> None:
    """Add up x − origin and its square.

    bn2d.mu:   μ_i = (1/(B P)) Σ_s Σ_p x_sip
    bn2d.var:  σ²_i = (1/(B P)) Σ_s Σ_p (x_sip − μ_i)²
    """
    first, end = part_of(x.shape[1], part, parts)
    for i in range(first, end):
        origin_i = origin[i]
        for s in range(len(x)):
            x_si = x[s, i]
            total = squares = origin.dtype.type(0)
            for p in range(len(x_si)):
                deviation = widened(x_si[p]) - origin_i
                total += deviation
                squares += deviation * deviation
            sums[part, 0, i] += total
            sums[part, 1, i] += squares


@loop_part
def normalise(part: int, parts: int, x: Array, channels: Channels, slope: float | None, y: Array) -> None:
    """Write y.

    bn2d.y:        z_sip = γ_i x̂_sip + β_i
    leaky_relu.y:  y_sip = max(0, z_sip) + a min(0, z_sip)
    """
    first, end = part_of(x.shape[1], part, parts)
    for i in range(first, end):
        gamma, beta, origin, rest, invstd = channel(channels, i)
        for s in range(len(x)):
            x_si, y_si = x[s, i], y[s, i]
            for p in range(len(x_si)):
                xhat = xhat_of(x_si[p], origin, rest, invstd)
                z = gamma * xhat + beta
                if slope is not None:
                    z = z if z > 0 else slope * z
                y_si[p] = rounded(z, y_si)


@summing_loop_part
def add_gradients(
    part: int, parts: int, x: Array, dy: Array, channels: Channels, slope: float | None, sums: Array
) -> None:
    """Add up ∂L/∂z x̂ and ∂L/∂z.

    leaky_relu.dx:  ∂L/∂z_sip = ∂L/∂y_sip (1 if z_sip > 0 else a)
    bn2d.dgamma:    ∂L/∂γ_i = Σ_s Σ_p ∂L/∂z_sip x̂_sip
    bn2d.dbeta:     ∂L/∂β_i = Σ_s Σ_p ∂L/∂z_sip
    """
    first, end = part_of(x.shape[1], part, parts)
    for i in range(first, end):
        gamma, beta, origin, rest, invstd = channel(channels, i)
        for s in range(len(x)):
            x_si, dy_si = x[s, i], dy[s, i]
            dgamma = dbeta = channels.gamma.dtype.type(0)
            for p in range(len(x_si)):
                xhat = xhat_of(x_si[p], origin, rest, invstd)
                dz = widened(dy_si[p])
                if slope is not None:
                    dz = dz if gamma * xhat + beta > 0 else slope * dz
                dgamma += dz * xhat
                dbeta += dz
            sums[part, 0, i] += dgamma
            sums[part, 1, i] += dbeta


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

    leaky_relu.dx:  ∂L/∂z_sip = ∂L/∂y_sip (1 if z_sip > 0 else a)
    bn2d.dx:        ∂L/∂x_sip = (γ_i/(B P √(σ²_i + ε))) (B P ∂L/∂z_sip − ∂L/∂β_i − x̂_sip ∂L/∂γ_i)
    """
    first, end = part_of(x.shape[1], part, parts)
    for i in range(first, end):
        gamma, beta, origin, rest, invstd = channel(channels, i)
        mean_dz_i, mean_dz_xhat_i = mean_dz[i], mean_dz_xhat[i]
        for s in range(len(x)):
            x_si, dy_si, dx_si = x[s, i], dy[s, i], dx[s, i]
            for p in range(len(x_si)):
                xhat = xhat_of(x_si[p], origin, rest, invstd)
                dz = widened(dy_si[p])
                if slope is not None:
                    dz = dz if gamma * xhat + beta > 0 else slope * dz
                dx_si[p] = rounded(gamma * invstd * (dz - mean_dz_i - xhat * mean_dz_xhat_i), dx_si)
