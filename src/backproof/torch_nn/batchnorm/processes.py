"""Statistics of a batch that is spread over processes.

Sums travel in float64: they are a few numbers per channel, and a count, or a mean far from zero, keeps all its
digits. Every collective here can be differentiated.
"""

import torch
import torch.distributed.nn.functional as collectives
from torch import Tensor
from torch.distributed import ProcessGroup


def summed(values: Tensor, group: ProcessGroup) -> Tensor:
    """Add up the processes' values, of one shape: each process gets the sum."""
    total: Tensor = collectives.all_reduce(values.double(), group=group)
    return total


def joint(count: int, mean: Tensor, m2: Tensor, group: ProcessGroup) -> tuple[int, Tensor, Tensor]:
    """Join the processes' counts n_p, means μ_p and squared deviations M_p; means and M have one shape.

    A joint batch with one value per channel is a ValueError.

    bn.joint:  n = Σ_p n_p,  μ = μ_1 + Σ_p n_p (μ_p − μ_1)/n,  M = Σ_p [M_p + n_p (μ_p − μ)²]

    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, The American Statistician 37(3).
    Squares are of differences, so a mean far from zero costs no digits.
    """
    mine = torch.stack((torch.full_like(mean, count, dtype=torch.float64), mean.double(), m2.double()))
    # A sum of rows of which all but one are zero gathers them, and unlike all_gather runs on any backend.
    rows = torch.zeros((group.size(), *mine.shape), dtype=torch.float64, device=mine.device)
    rows = summed(rows.index_copy(0, torch.tensor([group.rank()], device=mine.device), mine[None]), group)
    n_p, mu_p, m_p = rows.unbind(1)
    n = n_p.sum(0)
    mu = mu_p[0] + (n_p * (mu_p - mu_p[0])).sum(0) / n
    m = (m_p + n_p * (mu_p - mu).square()).sum(0)
    total = round(float(n.detach().flatten()[0]))
    if total < 2:
        raise ValueError("batch norm: all processes together have one value per channel, statistics need two")
    return total, mu, m


def totals(count: int, sums: tuple[Tensor, ...], group: ProcessGroup) -> tuple[int, list[Tensor]]:
    """Add up the processes' counts and sums, of one shape and dtype, in one collective."""
    rows = torch.stack(
        (torch.full_like(sums[0], count, dtype=torch.float64), *(row.double() for row in sums))
    )
    counts, *joined = summed(rows, group)
    return round(float(counts.flatten()[0])), [row.to(sums[0].dtype) for row in joined]
