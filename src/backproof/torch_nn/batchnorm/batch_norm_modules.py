"""Batch norm as modules: parameters, running statistics, and when each kind of statistics is used.

Parameters, buffers and settings have the names of torch.nn.BatchNorm1d and 2d; state dicts load both ways.
"""

from abc import abstractmethod
from copy import deepcopy
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.nn.modules.batchnorm import _BatchNorm

from backproof.torch_nn.batchnorm import formulas
from backproof.torch_nn.batchnorm.function import batch_norm, batch_norm_with_statistics
from backproof.torch_nn.batchnorm.input_checks import require_input, require_two_values
from backproof.torch_nn.batchnorm.joint_statistics import sum_over_processes


class BatchNorm(_BatchNorm):
    """y = γ x̂ + β for x (B, C, …), with γ = ``weight`` and β = ``bias``, both (C,).

    x̂ takes each channel's mean and biased variance from the batch: with ``process_group``, from all its
    processes' batches together. With ``track_running_stats``, evaluation takes them from running averages
    instead, which each training batch moves by ``momentum`` (None: all batches count alike) towards its mean
    and unbiased variance.

    ``num_features`` below 1, input that is not (B, ``num_features``, …), and an empty batch or one value per
    channel where a batch's statistics are needed, are a ValueError.

    PyTorch's tools find batch norms by their class: ``update_bn`` of averaged weights,
    ``torch.func.replace_all_batch_norm_modules_``, FullyShardedDataParallel's choice of precision. They find
    this one too; ``SyncBatchNorm.convert_sync_batchnorm`` exchanges it, as asked, for PyTorch's own.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        *,
        momentum: float | None = 0.1,
        track_running_stats: bool = False,
        process_group: ProcessGroup | None = None,
    ) -> None:
        if num_features < 1:
            raise ValueError(f"batch norm needs at least one feature, got {num_features}")
        super().__init__(num_features, eps, momentum, track_running_stats=track_running_stats)
        self.process_group = process_group

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy of all but the process group, which cannot be copied: both are of the same one."""
        copied = self.__class__.__new__(self.__class__)
        memo |= {id(self): copied, id(self.process_group): self.process_group}
        copied.__setstate__(deepcopy(self.__dict__, memo))  # type: ignore[no-untyped-call]
        return copied

    def forward(self, x: Tensor, slope: float | None = None) -> Tensor:
        """Normalise x (B, C, …): y of the same shape and dtype; with ``slope``, LeakyReLU of it (0: ReLU)."""
        if not self.training and self.running_mean is not None and self.running_var is not None:
            return batch_norm_with_statistics(
                x, self.weight, self.bias, self.eps, self.running_mean, self.running_var, slope
            )
        y, mean, var = self._normalise(x, slope)
        if self.training and self.track_running_stats:
            self._track(x, mean.detach(), var.detach())
        return y

    @abstractmethod
    def _normalise(self, x: Tensor, slope: float | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return y, and the batch's mean and biased variance (C,)."""

    @torch.no_grad()
    def _track(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards a batch's.

        bn.running_mean:  μ̄_i ← (1 − m) μ̄_i + m μ_i
        bn.running_var:   σ̄²_i ← (1 − m) σ̄²_i + m (B/(B − 1)) σ²_i
        """
        m: Tensor | float | None = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            if m is None:
                m = 1 / self.num_batches_tracked.to(mean.dtype)
        if m is None or self.running_mean is None or self.running_var is None:
            return  # whoever sets a buffer to None does without it
        b: Tensor | float = x.numel() / x.shape[1]
        if self.process_group is not None:
            b = sum_over_processes(torch.tensor(b, dtype=torch.float64, device=x.device), self.process_group)
        # Buffers of 16 bits are rounded once, when their new value is known.
        for running, new in (self.running_mean, mean), (self.running_var, (b / (b - 1)) * var):
            running.copy_(running.to(new.dtype).lerp(new, m))


class BatchNormAutograd(BatchNorm):
    """Batch norm whose gradients are autograd's."""

    def _normalise(self, x: Tensor, slope: float | None) -> tuple[Tensor, Tensor, Tensor]:
        require_input(x, self.weight, self.bias)
        require_two_values(x, self.process_group)
        y, mean, var = formulas.forward(x, self.weight, self.bias, self.eps, self.process_group)
        return formulas.activated(y, slope), mean, var


class BatchNormManual(BatchNorm):
    """Batch norm whose gradients are written by hand: see ``batch_norm``."""

    def _normalise(self, x: Tensor, slope: float | None) -> tuple[Tensor, Tensor, Tensor]:
        return batch_norm(x, self.weight, self.bias, self.eps, self.process_group, slope)
