"""Make the batch norm that a name stands for."""

import torch.distributed as dist
from torch import nn

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual


def make_batch_norm(kind: str, n_features: int, *, spatial: bool) -> nn.Module:
    """Make a batch norm with running statistics for (B, C), or for (B, C, H, W) if ``spatial``.

    ``kind`` is manual, autograd or native; anything else is a ValueError. Where several processes train
    together, statistics are those of all of them.
    """
    group = dist.group.WORLD if dist.is_initialized() else None
    if kind == "manual":
        return BatchNormManual(n_features, track_running_stats=True, process_group=group)
    if kind == "autograd":
        return BatchNormAutograd(n_features, track_running_stats=True, process_group=group)
    if kind != "native":
        raise ValueError(f"batch norm is manual, autograd or native, not {kind!r}")
    if group is None:
        return nn.BatchNorm2d(n_features) if spatial else nn.BatchNorm1d(n_features)
    return nn.SyncBatchNorm(n_features)  # of all processes; a group that it names could not be copied
