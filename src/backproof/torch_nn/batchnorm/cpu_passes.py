"""Batch norm forward and backward on a processor: tensors are laid out for the loops, sums taken over processes.

Formulas stand with the loops. ``slope`` is that of a LeakyReLU which follows (0: ReLU), or None: y and dy are
behind it.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm import loops
from backproof.torch_nn.batchnorm.channels import Array
from backproof.torch_nn.batchnorm.joint_statistics import joint_statistics, totals
from backproof.torch_nn.batchnorm.per_channel import statistics_dtype
from backproof.torch_nn.loop_compiler.compiled import n_parts

Wanted = tuple[bool, bool, bool]


def statistics(x: Tensor, group: ProcessGroup | None) -> tuple[Array, Array]:
    """Return mean and biased variance of each channel of x (B, C, …), over all processes, in float64."""
    mean, var = loops.statistics(_array(_samples(x, like=x)), n_parts(x.numel()))
    if group is None:
        return mean, var
    size = x.numel() // x.shape[1]
    _, joint_mean, joint_var = joint_statistics(
        size, torch.from_numpy(mean), torch.from_numpy(var * size), group
    )
    return joint_mean.numpy(), joint_var.numpy()


def normalise(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, mean: Array, var: Array, slope: float | None
) -> Tensor:
    """Return y like x (B, C, …), given γ, β, mean and variance (C,)."""
    samples = _samples(x, like=x)
    y = torch.empty_like(samples)
    parameters = _parameters(x, gamma, beta)
    loops.normalise(
        _array(samples), *parameters, eps, mean, var, _scalar(slope, x), n_parts(x.numel()), _array(y)
    )
    return _shaped_like(x, y)


def backward(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    mean: Array,
    var: Array,
    group: ProcessGroup | None,
    slope: float | None,
    wanted: Wanted,
    dy: Tensor,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return dx like x, dγ and dβ (C,), None where not ``wanted``, given dy = ∂L/∂y like x.

    In a group of processes dγ and dβ are this one's share; dx takes its sums over all.
    """
    samples, parts = _samples(x, like=x), n_parts(x.numel())
    known = (
        _array(samples), _array(_samples(dy, like=x)), *_parameters(x, gamma, beta), eps, mean, var,
        _scalar(slope, x),
    )  # fmt: skip
    wants_dx, *wants_parameters = wanted
    sums = loops.parameter_gradients(*known, parts)
    dgamma, dbeta = (
        torch.from_numpy(total).to(gamma.dtype) if wants else None
        for total, wants in zip(sums, wants_parameters, strict=True)
    )
    if not wants_dx:
        return None, dgamma, dbeta
    size = x.numel() // x.shape[1]
    if group is not None:
        size, joint_sums = totals(size, tuple(map(torch.from_numpy, sums)), group)
        sums = tuple(total.numpy() for total in joint_sums)
    dx = torch.empty_like(samples)
    loops.input_gradient(*known, *sums, size, parts, _array(dx))
    return _shaped_like(x, dx), dgamma, dbeta


def _samples(tensor: Tensor, like: Tensor) -> Tensor:
    """Lay a tensor out in the order of ``like``'s memory, as rows (N, C) or planes (B, C, P)."""
    tensor = tensor.detach()
    if tensor.dtype == torch.float16:  # numba has neither this type nor its bits' meaning
        tensor = tensor.float()
    if like.ndim == 2 or like.movedim(1, -1).is_contiguous():
        return tensor.movedim(1, -1).contiguous().flatten(0, -2)
    return tensor.contiguous().flatten(2)


def _shaped_like(x: Tensor, samples: Tensor) -> Tensor:
    """Return rows or planes in the shape and dtype of x."""
    if samples.ndim == 2:
        samples = samples.view(len(x), *x.shape[2:], -1).movedim(-1, 1)
    # Detached, since autograd lets nobody write into a view that a Function made, as an in-place ReLU would.
    return samples.view(x.shape).to(x.dtype).detach()


def _array(tensor: Tensor) -> Array:
    """Return a tensor's memory as an array, bfloat16 as its bits."""
    array: Array = (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def _parameters(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Array, Array]:
    """Return γ and β in the dtype of computing."""
    gamma, beta = (parameter.detach().to(statistics_dtype(x)).contiguous() for parameter in (gamma, beta))
    return gamma.numpy(), beta.numpy()


def _scalar(slope: float | None, x: Tensor) -> Any:
    """Return the slope in the dtype of computing, as a wider one would widen all."""
    return slope if slope is None or x.dtype == torch.float64 else np.float32(slope)
