"""Batch norm as an autograd Function: which form runs when, and what is kept between its passes.

There are two forms: compiled loops for processors (loops.py), and formulas for everything else (formulas.py):
other devices, torch.compile, transforms, second derivatives, forward mode, and where numba is not installed.
"""

import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm import formulas
from backproof.torch_nn.batchnorm.input_checks import require_input, require_two_values

Normalised = tuple[Tensor, Tensor, Tensor]
"""y like x; mean and biased variance (C,)."""
InputGradients = tuple[Tensor | None, Tensor | None, Tensor | None]


def batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float = 1e-5,
    process_group: ProcessGroup | None = None,
    slope: float | None = None,
) -> Normalised:
    """Normalise x (B, C, …) with γ and β (C,): return y like x, mean and biased variance (C,).

    With ``slope``, y goes through a LeakyReLU of this slope (0: ReLU). With a process group, the statistics
    are those of all its processes' batches together. Shapes that do not fit, an empty batch, and one value
    per channel are a ValueError.
    """
    require_input(x, gamma, beta)
    require_two_values(x, process_group)
    if runs_loops(x, gamma, beta):
        y, known = _apply_loops(x, gamma, beta, eps, process_group, slope)
        return y, *_cpu_passes().mean_and_var(known)
    if torch.compiler.is_compiling() or not _is_transformed(x, gamma, beta):
        y, mean, var = _apply_plain(x, gamma, beta, eps, process_group)
    else:
        y, mean, var = _apply(x, gamma, beta, eps, process_group)
    return formulas.activated(y, slope), mean, var


def batch_norm_with_statistics(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    mean: Tensor,
    var: Tensor,
    slope: float | None = None,
) -> Tensor:
    """Normalise x (B, C, …) with the given mean and variance (C,), such as running averages: y like x."""
    require_input(x, gamma, beta)
    inputs = x, gamma, beta, mean, var
    needs_grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    if not needs_grad and runs_loops(*inputs):
        y: Tensor = _cpu_passes().forward_with_statistics(x, gamma, beta, eps, mean, var, slope)
        return y
    return formulas.activated(formulas.forward_with_statistics(x, gamma, beta, eps, mean, var), slope)


def runs_loops(x: Tensor, *others: Tensor) -> bool:
    """Tell whether the compiled loops run, not the formulas: for plain tensors of the processor alone."""
    return (
        all(tensor.is_cpu and type(tensor) in (Tensor, nn.Parameter) for tensor in (x, *others))
        and x.dtype in (torch.float32, torch.float64, torch.bfloat16)
        and x.numel() > 0
        and not _is_recorded()
        and not _is_transformed(x, *others)
        and _numba_is_installed()
    )


def _is_recorded() -> bool:
    """Tell whether torch.compile, torch.jit.trace or a dispatch mode (make_fx's) must see each operation."""
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._len_torch_dispatch_stack() > 0
    )


def _is_transformed(*inputs: Tensor) -> bool:
    """Tell whether a transform of torch.func is active, autograd's older vmap, or forward mode."""
    if torch._C._are_functorch_transforms_active():
        return True
    if any(map(torch._C._functorch.is_legacy_batchedtensor, inputs)):
        return True
    in_forward_mode = forward_ad._current_level >= 0
    return in_forward_mode and any(_unpack_dual(tensor).tangent is not None for tensor in inputs)


@cache
def _numba_is_installed() -> bool:
    """Import numba, not before the first use: one that does not fit the NumPy beside it counts as none."""
    if import_module("backproof.torch_nn.loop_compiler.compiled").HAS_NUMBA:
        return True
    logging.getLogger(__name__).warning(
        "batch norm by hand is some three times slower without numba: pip install 'backproof[torch]'"
    )
    return False


@cache
def _cpu_passes() -> Any:
    """Import numba and what needs it not before the first use."""
    return import_module("backproof.torch_nn.batchnorm.cpu_passes")


class LoopBatchNorm(torch.autograd.Function):
    """Batch norm by loops, an activation behind it included."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        eps: float,
        process_group: ProcessGroup | None,
        slope: float | None,
    ) -> tuple[Tensor, Any]:
        """Return y, and what the loops know besides x."""
        y, known = _cpu_passes().forward(x, gamma, beta, eps, process_group, slope)
        ctx.save_for_backward(x, gamma, beta)
        ctx.known, ctx.process_group = known, process_group
        return y, known

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        """Return dx, dγ and dβ, None where not needed: by formulas if they are differentiated or batched."""
        dy = grad_outputs[0]
        x, gamma, beta = ctx.saved_tensors
        wanted, known, group = ctx.needs_input_grad[:3], ctx.known, ctx.process_group
        if not (torch.is_grad_enabled() or _is_recorded() or _is_transformed(dy)):
            return *_cpu_passes().backward(x, known, group, wanted, dy, gamma.dtype), None, None, None
        if known.slope is not None:
            z, _, _ = formulas.forward(x, gamma, beta, known.eps, group)
            dy = formulas.before_activation(dy, z, float(known.slope))
        return *_by_formulas(x, gamma, known.eps, group, wanted, dy), None, None, None


class PlainBatchNorm(torch.autograd.Function):
    """Batch norm by formulas, forward and backward alone: what torch.compile takes, at half the overhead."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        eps: float,
        process_group: ProcessGroup | None,
    ) -> Normalised:
        """Return y; mean and variance without gradient."""
        y, mean, var = formulas.forward(x, gamma, beta, eps, process_group)
        ctx.save_for_backward(x, gamma)
        ctx.eps, ctx.process_group = eps, process_group
        ctx.mark_non_differentiable(mean, var)
        ctx.set_materialize_grads(False)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        """Return dx, dγ and dβ, None where not needed."""
        return *_backward_by_formulas(ctx, grad_outputs[0]), None, None


def _backward_by_formulas(ctx: Any, dy: Tensor | None) -> InputGradients:
    if dy is None:
        return None, None, None
    x, gamma = ctx.saved_tensors
    return _by_formulas(x, gamma, ctx.eps, ctx.process_group, ctx.needs_input_grad, dy)


def _by_formulas(
    x: Tensor, gamma: Tensor, eps: float, group: ProcessGroup | None, wanted: tuple[bool, ...], dy: Tensor
) -> InputGradients:
    dx, dgamma, dbeta = formulas.backward(x, gamma, eps, group, dy)
    return (dx if wanted[0] else None, dgamma if wanted[1] else None, dbeta if wanted[2] else None)


class BatchNormFunction(torch.autograd.Function):
    """Batch norm with hand-written derivatives: backward, forward mode, and both again under vmap.

    ``apply(x, gamma, beta, eps, process_group)`` returns y; and mean and biased variance (C,), which have no
    gradient.
    """

    @staticmethod
    def forward(
        x: Tensor, gamma: Tensor, beta: Tensor, eps: float, process_group: ProcessGroup | None
    ) -> Normalised:
        """Normalise x (B, C, …) with γ and β (C,), as ``batch_norm`` describes it."""
        require_input(x, gamma, beta)
        require_two_values(x, process_group)
        return formulas.forward(x, gamma, beta, eps, process_group)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what backward and forward mode need."""
        x, gamma, _, ctx.eps, ctx.process_group = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gamma)
        ctx.save_for_forward(x, gamma)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        """Return dx, dγ and dβ, None where not needed."""
        return *_backward_by_formulas(ctx, grad_outputs[0]), None, None

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> tuple[Tensor, None, None]:
        """Return ẏ, given ẋ, γ̇ and β̇."""
        x, gamma = ctx.saved_tensors
        return formulas.jvp(x, gamma, ctx.eps, ctx.process_group, grad_inputs[:3]), None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *args: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Make the mapped axis V part of the channels, (V·C): exact, since channels are independent."""
        (x, gamma, beta, *rest), v = args, info.batch_size
        x = _with_axis(x, in_dims[0], 1, v).flatten(1, 2)
        gamma, beta = (
            _with_axis(p, dim, 0, v).flatten() for p, dim in zip((gamma, beta), in_dims[1:3], strict=True)
        )
        y, *statistics = _apply(x, gamma, beta, *rest)
        y = y.reshape(len(y), v, -1, *y.shape[2:])
        return (y, *(statistic.view(v, -1) for statistic in statistics)), (1, 0, 0)


# torch leaves these without types.
_unpack_dual: Callable[[Tensor], forward_ad.UnpackedDualTensor] = forward_ad.unpack_dual
_apply: Callable[..., Normalised] = BatchNormFunction.apply
_apply_plain: Callable[..., Normalised] = PlainBatchNorm.apply
_apply_loops: Callable[..., tuple[Tensor, Any]] = LoopBatchNorm.apply


def _with_axis(tensor: Tensor, dim: int | None, to: int, size: int) -> Tensor:
    """Move the mapped axis to ``to``, or repeat a tensor that has none."""
    if dim is None:
        return tensor.unsqueeze(to).expand(*tensor.shape[:to], size, *tensor.shape[to:])
    return tensor.movedim(dim, to)
