"""Batch norm as modules: parameters, running statistics, and when each kind of statistics is used.

Parameters and buffers have the names of torch.nn.BatchNorm1d and 2d, whose state dicts therefore load.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from backproof.torch_nn.batchnorm import formulas
from backproof.torch_nn.batchnorm.function import batch_norm, batch_norm_with_statistics
from backproof.torch_nn.batchnorm.input_checks import require_input, require_two_values
from backproof.torch_nn.batchnorm.joint_statistics import sum_over_processes


class BatchNorm(nn.Module):
    """y = γ x̂ + β for x (B, C, …), with γ = ``weight`` and β = ``bias``, both (C,).

    x̂ takes each channel's mean and biased variance from the batch: with ``process_group``, from all its
    processes' batches together. With ``track_running_stats``, evaluation takes them from running averages
    instead, which each training batch moves by ``momentum`` (None: all batches count alike) towards its mean
    and unbiased variance.

    ``n_features`` below 1, input that is not (B, ``n_features``, …), an empty batch, and a batch with one
    value per channel where its statistics are needed, are a ValueError.
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        n_features: int,
        eps: float = 1e-5,
        *,
        momentum: float | None = 0.1,
        track_running_stats: bool = False,
        process_group: ProcessGroup | None = None,
    ) -> None:
        super().__init__()
        if n_features < 1:
            raise ValueError(f"batch norm needs at least one feature, got {n_features}")
        self.n_features = n_features
        self.eps = eps
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        self.process_group = process_group
        self.weight = nn.Parameter(torch.ones(n_features))
        self.bias = nn.Parameter(torch.zeros(n_features))
        tracked = track_running_stats
        self.register_buffer("running_mean", torch.zeros(n_features) if tracked else None)
        self.register_buffer("running_var", torch.ones(n_features) if tracked else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if tracked else None)

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
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        m = 1 / self.num_batches_tracked.to(mean.dtype) if self.momentum is None else self.momentum
        b: Tensor | float = x.numel() / x.shape[1]
        if self.process_group is not None:
            b = sum_over_processes(torch.tensor(b, dtype=torch.float64, device=x.device), self.process_group)
        self.running_mean.mul_(1 - m).add_(m * mean)
        self.running_var.mul_(1 - m).add_(m * (b / (b - 1)) * var)

    def extra_repr(self) -> str:
        """Return the settings, for the module's repr."""
        return (
            f"{self.n_features}, eps={self.eps}, momentum={self.momentum}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNormAutograd(BatchNorm):
    """Batch norm whose gradients are autograd's."""

    def _normalise(self, x: Tensor, slope: float | None) -> tuple[Tensor, Tensor, Tensor]:
        require_input(x, self.weight, self.bias)
        require_two_values(x, self.process_group)
        y, mean, var = formulas.forward(x, self.weight, self.bias, self.eps, self.process_group)
        return formulas.activated(y, slope), mean, var


class BatchNormManual(BatchNorm):
    """Batch norm whose gradients are written by hand: BatchNormFunction's."""

    def _normalise(self, x: Tensor, slope: float | None) -> tuple[Tensor, Tensor, Tensor]:
        return batch_norm(x, self.weight, self.bias, self.eps, self.process_group, slope)
