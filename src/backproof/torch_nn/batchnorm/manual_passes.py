"""The hand-written passes: batch norm and its gradients, in few passes over memory.

Axes: s and r sample 1…B, i channel 1…C. In (B, C, H, W) every pixel counts as a sample, and B as B·H·W. Two
layouts follow the order of memory: *rows* (N, C), where a sample's channels are neighbours, and *planes*
(B, C, P), where a channel's pixels are. Sums are of x − shift, never of x: squares far from zero cancel.
"""

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm.joint_statistics import joint_statistics, totals
from backproof.torch_nn.batchnorm.per_channel import statistics_dtype

Wanted = tuple[bool, bool, bool]
_SHIFT_STRIDE = 8
"""The shift is the mean of every eighth sample."""
_LARGE_MEAN = 16
"""In units of σ: the rounding of a larger mean matters."""


def forward(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, group: ProcessGroup | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalise x (B, C, …) with γ and β (C,): y like x; mean, biased variance, and 1/√(σ² + ε) (C,).

    bn.mu:    μ_i = (1/B) Σ_s x_si
    bn.var:   σ²_i = (1/B) Σ_s (x_si − μ_i)²
    bn.xhat:  x̂_si = (x_si − μ_i)/√(σ²_i + ε)
    bn.y:     y_si = γ_i x̂_si + β_i
    """
    samples = _as_rows_or_planes(x, like=x)
    # Any shift near the mean will do. The mean of every eighth sample is, (shift − μ)² ≤ 7σ² whatever the
    # data, and costs an eighth of a pass; μ = shift + rest, where rest is of σ's size and has all its digits.
    shift = _mean(samples[::_SHIFT_STRIDE], statistics_dtype(x))
    y = samples - _per_channel(shift, samples)
    rest = _mean(y)
    mean_square, y = _mean_square(y, samples, shift)
    # Rounding may make a constant channel's variance negative.
    var = mean_square.addcmul_(rest, rest, value=-1).relu_()
    mean = shift + rest
    if group is not None:
        count = x.numel() // x.shape[1]
        _, mu, joint_var = joint_statistics(count, shift.double() + rest.double(), var * count, group)
        rest, mean, var = (mu - shift).to(var.dtype), mu.to(var.dtype), joint_var.to(var.dtype)
    invstd = (var + eps).rsqrt_()
    scale = gamma * invstd
    y = _scale_and_shift(y, scale, torch.addcmul(beta, rest, scale, value=-1))
    # Detached, since autograd lets nobody write into a view that a Function made, as an in-place ReLU would.
    return _reshaped_like(y, x).to(x.dtype).detach(), mean, var, invstd


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

    bn.dgamma:  ∂L/∂γ_i = Σ_s ∂L/∂y_si x̂_si
    bn.dbeta:   ∂L/∂β_i = Σ_s ∂L/∂y_si
    bn.dx:      ∂L/∂x_si = (γ_i/(B √(σ²_i + ε))) (B ∂L/∂y_si − Σ_r ∂L/∂y_ri − x̂_si Σ_r ∂L/∂y_ri x̂_ri)

    In a group of processes dγ and dβ are this one's share; dx takes its sums over all.
    """
    wants_dx, wants_dgamma, wants_dbeta = wanted
    dx = dgamma = None
    dy_samples = _as_rows_or_planes(dy, like=x)
    sum_dy = _sum(dy_samples, invstd.dtype)
    dbeta = sum_dy.to(gamma.dtype) if wants_dbeta else None
    if not (wants_dx or wants_dgamma):
        return dx, dgamma, dbeta

    samples = _as_rows_or_planes(x, like=x)
    per_sample_mean = _per_channel(mean, samples)
    centred = samples - per_sample_mean
    # The saved mean is rounded: x − μ = x − mean − rest, and rest is the mean of x − mean.
    sums = [sum_dy, _sum(centred)] if _rounding_matters(mean, invstd) else [sum_dy]
    if torch.compiler.is_compiling():
        sum_dy_centred = _sum(centred * dy_samples)
    else:  # Subtracting the mean again costs less than new memory for the product.
        sum_dy_centred = _sum(centred.mul_(dy_samples))
        torch.sub(samples, per_sample_mean, out=centred)
    count, total_dy_centred, rest = x.numel() // x.shape[1], sum_dy_centred, None
    if group is not None:
        count, (total_dy_centred, *sums) = totals(count, (sum_dy_centred, *sums), group)
    total_dy = sums[0]
    if len(sums) > 1:
        rest = sums[1] / count
        total_dy_centred = torch.addcmul(total_dy_centred, rest, total_dy, value=-1)
    if wants_dgamma:
        own = total_dy_centred
        if group is not None:
            own = sum_dy_centred if rest is None else sum_dy_centred - rest * sum_dy
        dgamma = (own * invstd).to(gamma.dtype)
    if wants_dx:
        # dx = scale dy − (scale/B) Σ dy − (scale/B) x̂ Σ dy x̂ = scale dy + slope (x − mean) + offset
        scale = gamma * invstd
        share = scale / -count
        slope = (total_dy_centred * invstd).mul_(invstd).mul_(share)
        offset = share.mul_(total_dy)
        if rest is not None:
            offset.addcmul_(slope, rest, value=-1)
        dx = _scale_and_shift(centred, slope, offset)
        dx = dx.addcmul_(dy_samples.to(dx.dtype), _per_channel(scale, dx))
        dx = _reshaped_like(dx, x).to(x.dtype)
    return dx, dgamma, dbeta


def _rounding_matters(mean: Tensor, invstd: Tensor) -> bool:
    """Return whether a mean (C,) may be rounded by more than 1e-6 σ in float32.

    True also where finding out would cost more than the pass over memory that it may save.
    """
    if torch.compiler.is_compiling() or mean.device.type != "cpu":
        return True
    return (mean * invstd).abs_().max().item() > _LARGE_MEAN


def _as_rows_or_planes(tensor: Tensor, like: Tensor) -> Tensor:
    """View a tensor as planes where ``like`` is contiguous images, else as rows (copied if it must be)."""
    if like.ndim == 2:
        return tensor
    return tensor.flatten(2) if like.is_contiguous() else tensor.movedim(1, -1).flatten(0, -2)


def _reshaped_like(samples: Tensor, x: Tensor) -> Tensor:
    """Return rows or planes in the shape of x."""
    if samples.ndim == x.ndim == 2:
        return samples
    if samples.ndim == 3:
        return samples.view_as(x)
    return samples.view(len(x), *x.shape[2:], -1).movedim(-1, 1)


def _per_channel(values: Tensor, samples: Tensor) -> Tensor:
    """View (C,) so that it broadcasts against rows or planes."""
    return values if samples.ndim == 2 else values.view(-1, 1)


def _sum(samples: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return the sums over samples (C,): of planes in two steps, of which the first adds neighbours."""
    return samples.sum(0, dtype=dtype) if samples.ndim == 2 else samples.sum(2, dtype=dtype).sum(0)


def _mean(samples: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return the means over samples (C,), in the same two steps."""
    return samples.mean(0, dtype=dtype) if samples.ndim == 2 else samples.mean(2, dtype=dtype).mean(0)


def _mean_square(centred: Tensor, samples: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean square (C,) of ``centred``, which is samples − shift, and ``centred`` unchanged."""
    if torch.compiler.is_compiling():
        return _mean(centred * centred), centred
    if centred.ndim == 3:
        # A norm over neighbours squares and sums in one pass, and writes nothing.
        norms: Tensor = torch.linalg.vector_norm(centred, dim=2)
        return norms.square_().mean(0).div_(centred.shape[2]), centred
    mean_square = _mean(centred.square_())
    return mean_square, torch.sub(samples, shift, out=centred)


def _scale_and_shift(samples: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Return samples · scale + offset per channel, in place."""
    if samples.ndim == 2:
        return torch.addcmul(offset, samples, scale, out=samples)
    # Two passes, and still faster than addcmul, which is slow at broadcasting one number to many.
    return samples.mul_(scale.view(-1, 1)).add_(offset.view(-1, 1))
