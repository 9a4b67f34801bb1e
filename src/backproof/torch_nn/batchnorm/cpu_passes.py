"""Batch norm forward and backward on a processor: the loops, for tensors, and over a group of processes.

Formulas stand with the loops. ``slope`` is that of a LeakyReLU which follows (0: ReLU), or None: y and dy are
behind it.
"""

from typing import Any, NamedTuple

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


class Known(NamedTuple):
    """What the loops take besides x: of each channel γ, β, μ = origin + rest, and σ² (C,); ε, and a."""

    gamma: Array
    beta: Array
    eps: float
    origin: Array
    rest: Array
    var: Array
    slope: Any


def forward(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, group: ProcessGroup | None, slope: float | None
) -> tuple[Tensor, Known]:
    """Normalise x (B, C, …) with γ and β (C,), by statistics over all processes: y like x."""
    rows, parts = _are_rows(x), n_parts(x.numel())
    y = _empty_like(x, rows=rows)
    samples, parameters = _array(x, rows=rows), _parameters(x, gamma, beta)
    eps, slope = float(eps), _scalar(slope, x)
    if group is None:
        origin, rest, var = loops.forward(samples, *parameters, eps, slope, parts, _array(y, rows=rows))
        return y, Known(*parameters, eps, origin, rest, var, slope)
    origin, rest, var = loops.statistics(samples, parameters[0], parts)
    size = x.numel() // x.shape[1]
    _, joint_mean, joint_var = joint_statistics(
        size, torch.from_numpy(origin + rest), torch.from_numpy(var * size), group
    )
    rest, var = joint_mean.numpy() - origin, joint_var.numpy()
    known = Known(*parameters, eps, origin, rest, var, slope)
    loops.normalise(samples, *known, parts, _array(y, rows=rows))
    return y, known


def forward_with_statistics(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, mean: Tensor, var: Tensor, slope: float | None
) -> Tensor:
    """Normalise x (B, C, …) with the given mean and variance (C,), such as running averages: y like x."""
    rows = _are_rows(x)
    y = _empty_like(x, rows=rows)
    gamma_array, beta_array = _parameters(x, gamma, beta)
    mean_array, var_array = mean.detach().double().numpy(), var.detach().double().numpy()
    origin = mean_array.astype(gamma_array.dtype)
    known = Known(
        gamma_array, beta_array, float(eps), origin, mean_array - origin, var_array, _scalar(slope, x)
    )
    loops.normalise(_array(x, rows=rows), *known, n_parts(x.numel()), _array(y, rows=rows))
    return y


def backward(
    x: Tensor, known: Known, group: ProcessGroup | None, wanted: Wanted, dy: Tensor, dtype: torch.dtype
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return dx like x, dγ and dβ (C,) of a dtype, None where not ``wanted``, given dy = ∂L/∂y like x.

    In a group of processes dγ and dβ are this one's share; dx takes its sums over all.
    """
    rows, parts = _are_rows(x), n_parts(x.numel())
    samples, dy_samples = _array(x, rows=rows), _array(dy, rows=rows)
    wants_dx, wants_dgamma, wants_dbeta = wanted
    dx = None
    if not wants_dx:
        sums = loops.parameter_gradients(samples, dy_samples, *known, parts)
    else:
        dx = _empty_like(x, rows=rows)
        dx_samples = _array(dx, rows=rows)
        if group is not None:
            sums = loops.parameter_gradients(samples, dy_samples, *known, parts)
            size, joint_sums = totals(x.numel() // x.shape[1], tuple(map(torch.from_numpy, sums)), group)
            dgamma_dbeta = (total.numpy() for total in joint_sums)
            loops.input_gradient(samples, dy_samples, *known, *dgamma_dbeta, size, parts, dx_samples)
        else:
            sums = loops.backward(samples, dy_samples, *known, parts, dx_samples)
    dgamma = _tensor(sums[0], dtype) if wants_dgamma else None
    dbeta = _tensor(sums[1], dtype) if wants_dbeta else None
    return dx, dgamma, dbeta


def mean_and_var(known: Known) -> tuple[Tensor, Tensor]:
    """Return the mean and the biased variance (C,) in the dtype of computing."""
    mean = (known.origin + known.rest).astype(known.gamma.dtype)
    return torch.from_numpy(mean), torch.from_numpy(known.var.astype(known.gamma.dtype))


def _tensor(values: Array, dtype: torch.dtype) -> Tensor:
    """Return float64 numbers as a tensor; NumPy converts short arrays in less time than torch."""
    if dtype == torch.float32:
        return torch.from_numpy(values.astype(np.float32))
    return torch.from_numpy(values).to(dtype)


def _are_rows(x: Tensor) -> bool:
    """Tell whether a sample's channels are neighbours in memory."""
    return x.ndim == 2 or (x.shape[1] > 1 and x.movedim(1, -1).is_contiguous())


def _empty_like(x: Tensor, *, rows: bool) -> Tensor:
    """Make a tensor that is rows or planes itself."""
    is_in_order = x.is_contiguous() or (rows and x.ndim > 2)
    in_order = torch.preserve_format if is_in_order else torch.contiguous_format
    return torch.empty_like(x, memory_format=in_order)


def _array(tensor: Tensor, *, rows: bool) -> Array:
    """Return a tensor's numbers as rows (N, C) or planes (B, C, P), of bfloat16 the bits.

    The array is the tensor's own memory if that has this order, else a copy.
    """
    b, c, *_ = tensor.shape
    if tensor.requires_grad:
        tensor = tensor.detach()
    if rows and tensor.ndim > 2:
        tensor = tensor.movedim(1, -1)
    tensor = tensor.resolve_neg()  # a copy where the sign is still to be changed
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    array: Array = tensor.contiguous().numpy()
    return array.reshape(-1, c) if rows else array.reshape(b, c, -1)


def _parameters(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Array, Array]:
    """Return copies of γ and β in the dtype of computing: memory that NumPy holds cannot be resized."""
    dtype = statistics_dtype(x)
    return gamma.detach().to(dtype, copy=True).numpy(), beta.detach().to(dtype, copy=True).numpy()


def _scalar(slope: float | None, x: Tensor) -> Any:
    """Return the slope in the dtype of computing, as a wider one would widen all."""
    if slope is None:
        return None
    return float(slope) if x.dtype == torch.float64 else np.float32(slope)
