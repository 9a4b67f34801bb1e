"""The hand-written passes: batch norm and its gradients, in as few walks through memory as plain torch allows.

Axes as in formulas.py. Each pass works in place on one fresh tensor, which first holds x − μ, then what is to be
summed, then the result: new memory costs more than arithmetic, and reading x twice less than a second buffer.
They sum x − μ, never x: squares and products of numbers far from zero would cancel.
"""

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm.checks import along, axes, precision
from backproof.torch_nn.batchnorm.processes import joint, totals

Wanted = tuple[bool, bool, bool]


def forward(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, group: ProcessGroup | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise x (B, C, …) with γ and β (C,): y like x, mean and biased variance (C,).

    bn.mu:    μ_i = (1/B) Σ_s x_i^s
    bn.var:   σ_i² = (1/B) Σ_s (x_i^s − μ_i)²
    bn.xhat:  x̂_i^s = (x_i^s − μ_i)/√(σ_i² + ε)
    bn.y:     y_i^s = γ_i x̂_i^s + β_i
    """
    over = axes(x)
    # μ = shift + rest. A mean far from zero is rounded, and that may be much beside σ; the rest is as fine as σ.
    shift = x.mean(over, keepdim=True, dtype=precision(x))
    buffer = x - shift
    rest = buffer.mean(over, keepdim=True)
    var = buffer.square_().mean(over, keepdim=True).addcmul_(rest, rest, value=-1).clamp_(min=0)
    mean = shift + rest
    if group is not None:
        count = x.numel() // x.shape[1]
        total, mu, m2 = joint(count, shift.double() + rest.double(), var * count, group)
        rest, mean, var = ((mu - shift).to(var.dtype), mu.to(var.dtype), (m2 / total).to(var.dtype))
    scale = along(gamma, x) * (var + eps).rsqrt()
    offset = torch.addcmul(along(beta, x), rest, scale, value=-1)
    torch.sub(x, shift, out=buffer)
    y = buffer.mul_(scale).add_(offset)
    return y.to(x.dtype), mean.flatten(), var.flatten()


def backward(
    x: Tensor,
    gamma: Tensor,
    mean: Tensor,
    var: Tensor,
    eps: float,
    group: ProcessGroup | None,
    wanted: Wanted,
    dy: Tensor,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return dx like x, dγ and dβ (C,), None where not ``wanted``, given dy = ∂L/∂y like x.

    bn.dgamma:  ∂L/∂γ_i = Σ_s ∂L/∂y_i^s x̂_i^s
    bn.dbeta:   ∂L/∂β_i = Σ_s ∂L/∂y_i^s
    bn.dx:      ∂L/∂x_i^s = γ_i/(B√(σ_i²+ε)) · [B ∂L/∂y_i^s − Σ_r ∂L/∂y_i^r − x̂_i^s Σ_r ∂L/∂y_i^r x̂_i^r]

    In a group of processes dγ and dβ are this one's share; dx takes its sums over all.
    """
    wants_dx, wants_dgamma, wants_dbeta = wanted
    over = axes(x)
    sum_dy = dy.sum(over, keepdim=True, dtype=var.dtype)
    dx = dgamma = None
    dbeta = sum_dy.flatten().to(gamma.dtype) if wants_dbeta else None
    if not (wants_dx or wants_dgamma):
        return dx, dgamma, dbeta

    buffer = x - along(mean, x)
    sum_centred = buffer.sum(over, keepdim=True)
    sum_dy_centred = buffer.mul_(dy).sum(over, keepdim=True)
    count = x.numel() // x.shape[1]
    total_centred, total_dy, total_dy_centred = sum_centred, sum_dy, sum_dy_centred
    if group is not None:
        count, (total_centred, total_dy, total_dy_centred) = totals(
            count, (sum_centred, sum_dy, sum_dy_centred), group
        )
    # The saved mean is rounded; with the rest, x − mean − rest = x − μ.
    rest = total_centred / count
    invstd = (along(var, x) + eps).rsqrt()
    if wants_dgamma:
        dgamma = torch.addcmul(sum_dy_centred, rest, sum_dy, value=-1).mul_(invstd).flatten().to(gamma.dtype)
    if wants_dx:
        # dx = scale (dy − (1/B) Σ dy) + slope (x − mean − rest)
        scale = along(gamma, x) * invstd
        slope = torch.addcmul(total_dy_centred, rest, total_dy, value=-1).mul_(invstd.square()).mul_(scale)
        slope /= -count
        offset = torch.addcmul(total_dy * (scale / -count), slope, rest, value=-1)
        torch.sub(x, along(mean, x), out=buffer)
        dx = buffer.mul_(slope).addcmul_(dy.to(buffer.dtype), scale).add_(offset).to(x.dtype)
    return dx, dgamma, dbeta
