"""Batch norm over planes (B, C, P), where a channel's pixels are neighbours in memory; each call takes some channels.

Letters are those of loops.py; p is a pixel, and Σ_s runs over all pixels of all samples.
"""

from backproof.torch_nn.batchnorm.channels import Array, Channels
from backproof.torch_nn.loop_compiler.bfloat16 import rounded, widened
from backproof.torch_nn.loop_compiler.compiled import called_by_loops, summing


@summing
def add_deviations(part: int, parts: int, x: Array, origin: Array, sums: Array) -> None:
    """Add up x − origin and its square.

    bn.mu:   μ_i = (1/B) Σ_s x_si
    bn.var:  σ²_i = (1/B) Σ_s (x_si − μ_i)²
    """
    n_channels = x.shape[1]
    for i in range(n_channels * part // parts, n_channels * (part + 1) // parts):
        total = squares = 0.0
        for s in range(len(x)):
            x_si = x[s, i]
            for p in range(len(x_si)):
                deviation = widened(x_si[p]) - origin[i]
                total += deviation
                squares += deviation * deviation
        sums[part, 0, i], sums[part, 1, i] = total, squares


@called_by_loops
def normalise(part: int, parts: int, x: Array, channels: Channels, slope: float | None, y: Array) -> None:
    """Write y.

    bn.xhat:       x̂_si = (x_si − μ_i)/√(σ²_i + ε)
    bn.y:          z_si = γ_i x̂_si + β_i
    leaky_relu.y:  y_si = max(0, z_si) + a min(0, z_si)
    """
    gamma, beta, mean, rest, invstd = channels
    n_channels = x.shape[1]
    for i in range(n_channels * part // parts, n_channels * (part + 1) // parts):
        for s in range(len(x)):
            x_si, y_si = x[s, i], y[s, i]
            for p in range(len(x_si)):
                xhat = (widened(x_si[p]) - mean[i] - rest[i]) * invstd[i]
                z = gamma[i] * xhat + beta[i]
                if slope is not None:
                    z = z if z > 0 else slope * z
                y_si[p] = rounded(z, y_si)


@summing
def add_gradients(
    part: int, parts: int, x: Array, dy: Array, channels: Channels, slope: float | None, sums: Array
) -> None:
    """Add up ∂L/∂z and ∂L/∂z x̂.

    leaky_relu.dx:  ∂L/∂z_si = ∂L/∂y_si (1 if z_si > 0 else a)
    bn.dbeta:       ∂L/∂β_i = Σ_s ∂L/∂z_si
    bn.dgamma:      ∂L/∂γ_i = Σ_s ∂L/∂z_si x̂_si
    """
    gamma, beta, mean, rest, invstd = channels
    n_channels = x.shape[1]
    for i in range(n_channels * part // parts, n_channels * (part + 1) // parts):
        dbeta = dgamma = 0.0
        for s in range(len(x)):
            x_si, dy_si = x[s, i], dy[s, i]
            for p in range(len(x_si)):
                xhat = (widened(x_si[p]) - mean[i] - rest[i]) * invstd[i]
                dz = widened(dy_si[p])
                if slope is not None:
                    dz = dz if gamma[i] * xhat + beta[i] > 0 else slope * dz
                dbeta += dz
                dgamma += dz * xhat
        sums[part, 0, i], sums[part, 1, i] = dbeta, dgamma


@called_by_loops
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
    gamma, beta, mean, rest, invstd = channels
    n_channels = x.shape[1]
    for i in range(n_channels * part // parts, n_channels * (part + 1) // parts):
        for s in range(len(x)):
            x_si, dy_si, dx_si = x[s, i], dy[s, i], dx[s, i]
            for p in range(len(x_si)):
                xhat = (widened(x_si[p]) - mean[i] - rest[i]) * invstd[i]
                dz = widened(dy_si[p])
                if slope is not None:
                    dz = dz if gamma[i] * xhat + beta[i] > 0 else slope * dz
                dx_si[p] = rounded(gamma[i] * invstd[i] * (dz - mean_dz[i] - xhat * mean_dz_xhat[i]), dx_si)
