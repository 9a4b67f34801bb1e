"""Statistics of a batch that is spread over processes.

Sums are exchanged in float64: they are a few numbers per channel, and a count, or a mean far from zero, keeps
all its digits. Every exchange here can be differentiated.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup


class _AllReduce(torch.autograd.Function):
    """The sum over processes, which each of them gets: its derivative is the same sum of derivatives.

    torch.distributed.nn has one, which torch deprecates in favour of a private module.
    """

    @staticmethod
    def forward(values: Tensor, group: ProcessGroup) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], _output: Any) -> None:
        ctx.group = inputs[1]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor, None]:
        return _all_reduce(grad_outputs[0], ctx.group), None

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Tensor:
        return _all_reduce(grad_inputs[0], ctx.group)


_all_reduce: Callable[..., Tensor] = _AllReduce.apply  # which torch leaves without types


def sum_over_processes(values: Tensor, group: ProcessGroup) -> Tensor:
    """Return the sum of all processes' values, of one shape, in float64."""
    return _all_reduce(values.double(), group)


def joint_statistics(count: int, mean: Tensor, m2: Tensor, group: ProcessGroup) -> tuple[int, Tensor, Tensor]:
    """Return count, mean and variance of all processes' batches together; ValueError if the count is 1.

    ``m2`` is the sum of squared deviations from ``mean``, and of its shape.
    """
    own = torch.stack((torch.full_like(mean, count, dtype=torch.float64), mean.double(), m2.double()))
    # A sum of rows of which all but one are zero gathers them, and unlike all_gather runs on any backend.
    rows = torch.zeros((group.size(), *own.shape), dtype=torch.float64, device=own.device)
    rows = sum_over_processes(
        rows.index_copy(0, torch.tensor([group.rank()], device=own.device), own[None]), group
    )
    n, mu, _, var = combined(*rows.unbind(1))
    total = round(float(n.detach().flatten()[0]))
    if total < 2:
        raise ValueError("batch norm: all processes together have one value per channel, statistics need two")
    return total, mu, var


def combined(n_k: Tensor, e_k: Tensor, q_k: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return B, μ, q and σ² of all processes k, given their n, E and Q, all (P, C).

    n is a count, E a mean, and Q (later q) a sum of squared deviations from it.

    bn.joint_n:    B = Σ_k n_k
    bn.joint_mu:   μ_i = e_1i + (1/B) Σ_k n_k (e_ki − e_1i)
    bn.joint_q:    q_i = Σ_k (Q_ki + n_k (e_ki − μ_i)²)
    bn.joint_var:  σ²_i = q_i/B

    Chan, Golub and LeVeque (1983), Algorithms for Computing the Sample Variance, American Statistician 37(3).
    Squares are of differences, so a mean far from zero costs no digits.
    """
    total = n_k.sum(0)
    mu = e_k[0] + (n_k * (e_k - e_k[0])).sum(0) / total
    q = (q_k + n_k * (e_k - mu).square()).sum(0)
    return total, mu, q, q / total


def totals(count: int, sums: tuple[Tensor, ...], group: ProcessGroup) -> tuple[int, list[Tensor]]:
    """Return the totals of all processes' counts and sums (of one shape and dtype), in one exchange."""
    rows = torch.stack(
        (torch.full_like(sums[0], count, dtype=torch.float64), *(row.double() for row in sums))
    )
    counts, *sums_over_processes = sum_over_processes(rows, group)
    return round(float(counts.flatten()[0])), [row.to(sums[0].dtype) for row in sums_over_processes]
