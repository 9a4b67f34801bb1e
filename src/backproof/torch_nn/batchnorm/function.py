"""Batch norm as an autograd Function: which pass runs when, and what is kept between them."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm import formulas, kernels
from backproof.torch_nn.batchnorm.checks import require_input, require_two_values

Outputs = tuple[Tensor, Tensor, Tensor, Tensor]


class CompilableBatchNorm(torch.autograd.Function):
    """Forward and backward alone: torch.compile refuses a Function that has a jvp of its own."""

    @staticmethod
    def forward(
        x: Tensor, gamma: Tensor, beta: Tensor, eps: float, process_group: ProcessGroup | None = None
    ) -> Outputs:
        """Normalise x (B, C, …) with γ and β (C,): y like x; and of no gradient, mean, biased
        variance σ² and 1/√(σ² + ε) (C,).

        With a process group, the statistics are those of all its processes' batches together. Shapes that do
        not fit, an empty batch, and one value per channel are a ValueError.
        """
        require_input(x, gamma, beta)
        require_two_values(x, process_group)
        return kernels.forward(x, gamma, beta, eps, process_group)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep x, γ, μ and 1/√(σ² + ε): what backward needs, and no more."""
        x, gamma, _, ctx.eps, ctx.process_group = inputs
        _, mean, var, invstd = output
        ctx.mark_non_differentiable(mean, var, invstd)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gamma, mean, invstd)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        """Return dx, dγ and dβ, None where not needed: by kernels.py, or by formulas.py where they are
        differentiated in turn, or batched by vmap, which cannot write into a buffer.
        """
        dy, eps, group = grad_outputs[0], ctx.eps, ctx.process_group
        if dy is None:
            return None, None, None, None, None
        x, gamma, mean, invstd = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        transformed = torch.is_grad_enabled() or torch._C._are_functorch_transforms_active()
        if transformed and not torch.compiler.is_compiling():
            gradients = formulas.backward(x, gamma, eps, group, dy)
            return *(g if want else None for g, want in zip(gradients, wanted, strict=True)), None, None
        return *kernels.backward(x, gamma, mean, invstd, group, wanted, dy), None, None


class BatchNormFunction(CompilableBatchNorm):
    """Batch norm with hand-written derivatives: backward, forward mode, and both again under vmap.

    ``apply(x, gamma, beta, eps, process_group)`` returns four tensors, as ``forward`` describes them.
    """

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep the same for forward mode, which runs at once and lets go."""
        CompilableBatchNorm.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0], inputs[1])

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> tuple[Tensor, None, None, None]:
        """Return ẏ, given ẋ, γ̇ and β̇."""
        x, gamma = ctx.saved_tensors
        return formulas.jvp(x, gamma, ctx.eps, ctx.process_group, grad_inputs[:3]), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Outputs, tuple[int, ...]]:
        """Make the mapped axis V part of the channels, (V·C): exact, as no channel knows of another."""
        (x, gamma, beta, *rest), v = args, info.batch_size
        x = _with_axis(x, in_dims[0], 1, v).flatten(1, 2)
        gamma, beta = (
            _with_axis(p, dim, 0, v).flatten() for p, dim in zip((gamma, beta), in_dims[1:3], strict=True)
        )
        y, mean, var, invstd = _apply(x, gamma, beta, *rest)
        return (
            y.reshape(len(y), v, -1, *y.shape[2:]),
            mean.view(v, -1),
            var.view(v, -1),
            invstd.view(v, -1),
        ), (
            1,
            0,
            0,
            0,
        )


# `apply` asks for forward's signature every time: kept here, it costs a tenth as much.
vars(CompilableBatchNorm.forward)["__signature__"] = inspect.signature(CompilableBatchNorm.forward)
# torch leaves `apply` without types.
_apply: Callable[..., Outputs] = BatchNormFunction.apply
_apply_compiled: Callable[..., Outputs] = CompilableBatchNorm.apply


def batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5, process_group: ProcessGroup | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return y, mean and biased variance by BatchNormFunction, or by what torch.compile takes of it."""
    function = _apply_compiled if torch.compiler.is_compiling() else _apply
    return function(x, gamma, beta, eps, process_group)[:3]


def _with_axis(tensor: Tensor, dim: int | None, to: int, size: int) -> Tensor:
    """Move the mapped axis to ``to``, or repeat a tensor that has none."""
    if dim is None:
        return tensor.unsqueeze(to).expand(*tensor.shape[:to], size, *tensor.shape[to:])
    return tensor.movedim(dim, to)
