"""Checks of the tensors that batch norm takes."""

from torch import Tensor
from torch.distributed import ProcessGroup


def require_input(x: Tensor, gamma: Tensor, beta: Tensor) -> None:
    """Refuse anything but real floats x (B, C, …) with γ and β (C,).

    Shapes are a ValueError, dtypes a TypeError.
    """
    if gamma.ndim != 1 or gamma.shape != beta.shape:
        raise ValueError(
            f"batch norm: γ and β have shapes {tuple(gamma.shape)} and {tuple(beta.shape)}, expected (C,)"
        )
    if x.ndim < 2 or x.shape[1] != len(gamma):
        raise ValueError(
            f"batch norm: x has shape {tuple(x.shape)}, expected (B, C) or (B, C, H, W) with C = {len(gamma)}"
        )
    if not x.is_floating_point():
        raise TypeError(f"batch norm: x has dtype {x.dtype}, expected real floating-point numbers")


def require_two_values(x: Tensor, group: ProcessGroup | None) -> None:
    """Refuse a batch without a value, and one with one per channel: that is its mean, so y would be β."""
    if x.numel() == 0:
        raise ValueError(f"batch norm: x has shape {tuple(x.shape)}, which holds no value to average")
    # One process may have a single value where the group has more: joint_statistics counts those.
    if group is None and x.numel() == x.shape[1]:
        raise ValueError(
            f"batch norm: x has shape {tuple(x.shape)}, one value per channel; statistics need two or more"
        )
