"""Batch norm in differentiable operations: for autograd, forward mode, vmap, torch.compile, other devices.

Axes: s and r sample 1…B, i channel 1…C. In (B, C, H, W) every pixel counts as a sample, and B as B·H·W.
Dotted letters are tangents.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.nn import functional as F

from backproof.torch_nn.batchnorm.joint_statistics import joint_statistics, sum_over_processes
from backproof.torch_nn.batchnorm.per_channel import channelwise, sample_axes, statistics_dtype


class Statistics(NamedTuple):
    """Statistics of a batch, over all processes: mean and var (1, C, 1, …), x − mean like x, and B."""

    centred: Tensor
    mean: Tensor
    var: Tensor
    size: int


def statistics(x: Tensor, group: ProcessGroup | None) -> Statistics:
    """Return mean and biased variance of each channel of x (B, C, …).

    bn.mu:   μ_i = (1/B) Σ_s x_si
    bn.var:  σ²_i = (1/B) Σ_s (x_si − μ_i)²
    """
    x = x.to(statistics_dtype(x))
    mean = x.mean(sample_axes(x), keepdim=True)
    centred = x - mean
    # A mean far from zero is rounded, and the error may be large beside σ: subtract the rest too.
    rest = centred.mean(sample_axes(x), keepdim=True)
    centred = centred - rest
    var = centred.square().mean(sample_axes(x), keepdim=True)
    count = x.numel() // x.shape[1]
    if group is None:
        return Statistics(centred, mean + rest, var, count)
    local = mean.double() + rest.double()
    total, mu, joint_var = joint_statistics(count, local, var * count, group)
    return Statistics(centred - (mu - local).to(x.dtype), mu.to(x.dtype), joint_var.to(x.dtype), total)


def forward(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, group: ProcessGroup | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise x (B, C, …) with γ and β (C,): y like x, mean and biased variance (C,).

    bn.xhat:  x̂_si = (x_si − μ_i)/√(σ²_i + ε)
    bn.y:     y_si = γ_i x̂_si + β_i
    """
    centred, mean, var, _ = statistics(x, group)
    xhat = centred * (var + eps).rsqrt()
    y = channelwise(gamma, x) * xhat + channelwise(beta, x)
    return y.to(x.dtype), mean.flatten(), var.flatten()


def forward_with_statistics(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, mean: Tensor, var: Tensor
) -> Tensor:
    """Normalise x (B, C, …) with the given mean and variance (C,), such as running averages."""
    gamma, mean, var = (values.to(statistics_dtype(values)) for values in (gamma, mean, var))
    scale = gamma * (var + eps).rsqrt()
    y: Tensor = (x - channelwise(mean, x)) * channelwise(scale, x) + channelwise(beta, x)
    return y.to(x.dtype)


def activated(z: Tensor, slope: float | None) -> Tensor:
    """Return what torch's LeakyReLU of this slope (0: ReLU) makes of z, or z where there is none."""
    if slope is None:
        return z
    return F.leaky_relu(z, slope) if slope else F.relu(z)


def before_activation(dy: Tensor, z: Tensor, slope: float) -> Tensor:
    """Return ∂L/∂z, given dy = ∂L/∂y behind LeakyReLU.

    leaky_relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else a)
    """
    return torch.where(z > 0, dy, slope * dy)


def backward(
    x: Tensor, gamma: Tensor, eps: float, group: ProcessGroup | None, dy: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dx like x, dγ and dβ (C,), given dy = ∂L/∂y, so that they can be differentiated again.

    bn.dgamma:  ∂L/∂γ_i = Σ_s ∂L/∂y_si x̂_si
    bn.dbeta:   ∂L/∂β_i = Σ_s ∂L/∂y_si
    bn.dx:      ∂L/∂x_si = (γ_i/(B √(σ²_i + ε))) (B ∂L/∂y_si − Σ_r ∂L/∂y_ri − x̂_si Σ_r ∂L/∂y_ri x̂_ri)

    It starts from x, on which μ and σ² depend: second derivatives need that.
    """
    centred, _, var, count = statistics(x, group)
    invstd = (var + eps).rsqrt()
    xhat = centred * invstd
    dx = channelwise(gamma, x) * invstd * _projected(dy, xhat, count, group)
    dgamma = (dy * xhat).sum(sample_axes(x))
    dbeta = dy.sum(sample_axes(x), dtype=dgamma.dtype)
    return dx.to(x.dtype), dgamma.to(gamma.dtype), dbeta.to(gamma.dtype)


def jvp(
    x: Tensor,
    gamma: Tensor,
    eps: float,
    group: ProcessGroup | None,
    tangents: tuple[Tensor | None, Tensor | None, Tensor | None],
) -> Tensor:
    """Return ẏ like x, given ẋ like x, γ̇ and β̇ (C,), or None for one that is constant.

    bn.ydot:  ẏ_si = (γ_i/√(σ²_i + ε)) (ẋ_si − (1/B) Σ_r ẋ_ri − x̂_si (1/B) Σ_r ẋ_ri x̂_ri) + γ̇_i x̂_si +
              β̇_i
    """
    x_dot, gamma_dot, beta_dot = tangents
    centred, _, var, count = statistics(x, group)
    invstd = (var + eps).rsqrt()
    xhat = centred * invstd
    y_dot = xhat * 0 if gamma_dot is None else channelwise(gamma_dot, x) * xhat
    if x_dot is not None:
        y_dot = y_dot + channelwise(gamma, x) * invstd * _projected(x_dot, xhat, count, group)
    if beta_dot is not None:
        y_dot = y_dot + channelwise(beta_dot, x)
    return y_dot.to(x.dtype)


def _projected(v: Tensor, xhat: Tensor, count: int, group: ProcessGroup | None) -> Tensor:
    """V − mean(v) − x̂ mean(v x̂) per channel: √(σ²+ε) times x̂'s derivative, which is its own transpose."""
    v = v.to(xhat.dtype)
    total, product = v.sum(sample_axes(v), keepdim=True), (v * xhat).sum(sample_axes(v), keepdim=True)
    if group is not None:
        total, product = (
            sum_over_processes(total, group).to(v.dtype),
            sum_over_processes(product, group).to(v.dtype),
        )
    return v - total / count - xhat * (product / count)
