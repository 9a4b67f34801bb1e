"""The hand-written passes: batch norm and its gradients, in few walks through memory.

Axes as in formulas.py. Each pass works in place on one fresh tensor, which first holds x − μ, then what is to
be summed, then the result: new memory costs more than arithmetic.
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalise x (B, C, …) with γ and β (C,): y like x; mean, biased variance, and 1/√(σ² + ε) (C,).

    bn.mu:    μ_i = (1/B) Σ_s x_i^s
    bn.var:   σ_i² = (1/B) Σ_s (x_i^s − μ_i)²
    bn.xhat:  x̂_i^s = (x_i^s − μ_i)/√(σ_i² + ε)
    bn.y:     y_i^s = γ_i x̂_i^s + β_i
    """
    over, count = axes(x), x.numel() // x.shape[1]
    # μ = shift + rest. A mean far from zero is rounded, and that may be much beside σ; the rest is not.
    shift = x.mean(over, keepdim=True, dtype=precision(x))
    buffer = x - shift
    rest = buffer.mean(over, keepdim=True)
    sum_squares, buffer = _sum_squares(buffer, x, shift)
    # Rounding may leave less than nothing of a constant channel.
    var = (sum_squares / count).addcmul_(rest, rest, value=-1).relu_()
    mean = shift + rest
    if group is not None:
        total, mu, m2 = joint(count, shift.double() + rest.double(), var * count, group)
        rest, mean, var = (mu - shift).to(var.dtype), mu.to(var.dtype), (m2 / total).to(var.dtype)
    invstd = (var + eps).rsqrt_()
    scale = along(gamma, x) * invstd
    offset = torch.addcmul(along(beta, x), rest, scale, value=-1)
    y = _scale_and_shift(buffer, scale, offset)
    return y.to(x.dtype), mean.flatten(), var.flatten(), invstd.flatten()


def backward(
    x: Tensor,
    gamma: Tensor,
    mean: Tensor,
    invstd: Tensor,
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
    sum_dy = dy.sum(over, keepdim=True, dtype=invstd.dtype)
    dx = dgamma = None
    dbeta = sum_dy.flatten().to(gamma.dtype) if wants_dbeta else None
    if not (wants_dx or wants_dgamma):
        return dx, dgamma, dbeta

    mean, invstd = along(mean, x), along(invstd, x)
    buffer = x - mean
    sum_centred = buffer.sum(over, keepdim=True)
    sum_dy_centred = buffer.mul_(dy).sum(over, keepdim=True)
    torch.sub(x, mean, out=buffer)
    count = x.numel() // x.shape[1]
    total_centred, total_dy, total_dy_centred = sum_centred, sum_dy, sum_dy_centred
    if group is not None:
        count, (total_centred, total_dy, total_dy_centred) = totals(
            count, (sum_centred, sum_dy, sum_dy_centred), group
        )
    # The saved mean is rounded; with the rest, x − mean − rest = x − μ.
    rest = total_centred / count
    total_dy_xhat = torch.addcmul(total_dy_centred, rest, total_dy, value=-1).mul_(invstd)
    if wants_dgamma:
        sum_dy_xhat = total_dy_xhat
        if group is not None:
            sum_dy_xhat = torch.addcmul(sum_dy_centred, rest, sum_dy, value=-1).mul_(invstd)
        dgamma = sum_dy_xhat.flatten().to(gamma.dtype)
    if wants_dx:
        # dx = scale dy − (scale/B) Σ dy − (scale/B) x̂ Σ dy x̂ = scale dy + slope (x − mean) + offset
        scale = along(gamma, x) * invstd
        share = scale / -count
        slope = total_dy_xhat * invstd * share
        offset = torch.addcmul(total_dy * share, slope, rest, value=-1)
        dx = _scale_and_shift(buffer, slope, offset).addcmul_(dy.to(buffer.dtype), scale).to(x.dtype)
    return dx, dgamma, dbeta


def _sum_squares(buffer: Tensor, x: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Sum the squares of x − shift, which ``buffer`` holds; and return it with the same content."""
    if x.ndim > 2 and buffer.is_contiguous() and not torch.compiler.is_compiling():
        # Rows of pixels lie together: a norm sums their squares and writes nothing, which saves two walks.
        norms = torch.linalg.vector_norm(buffer.flatten(2), dim=2)
        return along(norms.square().sum(0), x), buffer
    # To take x − shift again costs less than new memory to keep it in.
    return buffer.square_().sum(axes(x), keepdim=True), torch.sub(x, shift, out=buffer)


def _scale_and_shift(buffer: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Take buffer · scale + offset per channel, in place."""
    if buffer.stride(1) == 1:  # Channels lie together: one walk. Where they do not, addcmul is 5 × slower.
        return torch.addcmul(offset, buffer, scale, out=buffer)
    return buffer.mul_(scale).add_(offset)
