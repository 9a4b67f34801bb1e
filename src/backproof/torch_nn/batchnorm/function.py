"""Batch norm as an autograd Function: which pass runs when, and what is kept between them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm import formulas, manual_passes
from backproof.torch_nn.batchnorm.input_checks import require_input, require_two_values

Normalised = tuple[Tensor, Tensor, Tensor]
"""y like x; mean and biased variance (C,)."""
InputGradients = tuple[Tensor | None, Tensor | None, Tensor | None]


def forward(
    ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, eps: float, process_group: ProcessGroup | None
) -> Normalised:
    """Normalise x (B, C, …) with γ and β (C,), and save x, γ, μ and 1/√(σ² + ε) for backward.

    With a process group, the statistics are those of all its processes' batches together. Shapes that do not
    fit, an empty batch, and one value per channel are a ValueError.
    """
    require_input(x, gamma, beta)
    require_two_values(x, process_group)
    y, mean, var, invstd = manual_passes.forward(x, gamma, beta, eps, process_group)
    ctx.save_for_backward(x, gamma, mean, invstd)
    ctx.eps, ctx.process_group = eps, process_group
    return y, mean, var


def backward(ctx: Any, dy: Tensor | None) -> InputGradients:
    """Return dx, dγ and dβ, None where not needed.

    By manual_passes.py, or by formulas.py where they are themselves differentiated, or batched by vmap, which
    cannot write into a buffer.
    """
    if dy is None:
        return None, None, None
    x, gamma, mean, invstd = ctx.saved_tensors
    wanted = ctx.needs_input_grad[:3]
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() or _transformed() or _is_batched(dy)):
        return manual_passes.backward(x, gamma, mean, invstd, ctx.process_group, wanted, dy)
    dx, dgamma, dbeta = formulas.backward(x, gamma, ctx.eps, ctx.process_group, dy)
    return (dx if wanted[0] else None, dgamma if wanted[1] else None, dbeta if wanted[2] else None)


class PlainBatchNorm(torch.autograd.Function):
    """Forward and backward alone: all that training needs and torch.compile takes, at half the overhead."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Normalised:
        """Return y; mean and variance without gradient."""
        y, mean, var = forward(ctx, *inputs)
        ctx.mark_non_differentiable(mean, var)
        ctx.set_materialize_grads(False)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        """Return dx, dγ and dβ, None where not needed."""
        return *backward(ctx, grad_outputs[0]), None, None


class BatchNormFunction(torch.autograd.Function):
    """Batch norm with hand-written derivatives: backward, forward mode, and both again under vmap.

    ``apply(x, gamma, beta, eps, process_group)`` returns y; and without gradient mean, biased variance σ² and
    1/√(σ² + ε) (C,).
    """

    @staticmethod
    def forward(
        x: Tensor, gamma: Tensor, beta: Tensor, eps: float, process_group: ProcessGroup | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalise x (B, C, …) with γ and β (C,), as the function ``forward`` describes it."""
        require_input(x, gamma, beta)
        require_two_values(x, process_group)
        return manual_passes.forward(x, gamma, beta, eps, process_group)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what backward and forward mode need."""
        x, gamma, _, ctx.eps, ctx.process_group = inputs
        _, mean, var, invstd = output
        ctx.mark_non_differentiable(mean, var, invstd)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gamma, mean, invstd)
        ctx.save_for_forward(x, gamma)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        """Return dx, dγ and dβ, None where not needed."""
        return *backward(ctx, grad_outputs[0]), None, None

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> tuple[Tensor, None, None, None]:
        """Return ẏ, given ẋ, γ̇ and β̇."""
        x, gamma = ctx.saved_tensors
        return formulas.jvp(x, gamma, ctx.eps, ctx.process_group, grad_inputs[:3]), None, None, None

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
        return (y, *(statistic.view(v, -1) for statistic in statistics)), (1, 0, 0, 0)


# torch leaves these without types.
_unpack_dual: Callable[[Tensor], forward_ad.UnpackedDualTensor] = forward_ad.unpack_dual
_apply: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]] = BatchNormFunction.apply
_apply_plain: Callable[..., Normalised] = PlainBatchNorm.apply


def batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5, process_group: ProcessGroup | None = None
) -> Normalised:
    """Return y, mean and biased variance: by BatchNormFunction where a transform or forward mode needs it."""
    if torch.compiler.is_compiling() or not (
        _transformed() or any(_unpack_dual(tensor).tangent is not None for tensor in (x, gamma, beta))
    ):
        return _apply_plain(x, gamma, beta, eps, process_group)
    y, mean, var, _ = _apply(x, gamma, beta, eps, process_group)
    return y, mean, var


def _transformed() -> bool:
    """Return whether a transform of torch.func is active."""
    return torch._C._are_functorch_transforms_active()


def _is_batched(dy: Tensor) -> bool:
    """Return whether the older vmap is active: autograd's own, for ``is_grads_batched`` and ``vectorize``."""
    return torch._C._functorch.is_legacy_batchedtensor(dy)


def _with_axis(tensor: Tensor, dim: int | None, to: int, size: int) -> Tensor:
    """Move the mapped axis to ``to``, or repeat a tensor that has none."""
    if dim is None:
        return tensor.unsqueeze(to).expand(*tensor.shape[:to], size, *tensor.shape[to:])
    return tensor.movedim(dim, to)
