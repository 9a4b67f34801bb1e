"""Numbers per channel: over which axes they are taken, in which dtype, and how they meet x."""

import torch
from torch import Tensor


def sample_axes(x: Tensor) -> tuple[int, ...]:
    """Return the axes that statistics run over: all but the channel's."""
    return 0, *range(2, x.ndim)


def channelwise(values: Tensor, x: Tensor) -> Tensor:
    """View (C,) as (1, C, 1, …), to broadcast against x (B, C, …)."""
    return values.view(1, -1, *(1,) * (x.ndim - 2))


def statistics_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype of statistics: x's own, but float32 for 16-bit floats."""
    return torch.float32 if x.dtype in (torch.bfloat16, torch.float16) else x.dtype
