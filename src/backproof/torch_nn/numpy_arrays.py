"""Weights and running statistics, moved between a PyTorch network and the NumPy network of the same names."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn


def numpy_arrays(network: nn.Module) -> dict[str, npt.NDArray[Any]]:
    """Return copies of all parameters and running statistics, as ``load`` of the NumPy network takes them."""
    return {name: tensor.numpy(force=True).copy() for name, tensor in _tensors(network).items()}


@torch.no_grad()
def load_numpy_arrays(network: nn.Module, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Set all parameters and running statistics to copies of ``params | buffers`` of a NumPy network.

    ValueError for other names, shapes or dtypes; nothing is then changed.
    """
    own = _tensors(network)
    if arrays.keys() != own.keys():
        raise ValueError(f"expected arrays {', '.join(own)}, got {', '.join(arrays)}")
    values = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    for name, value in values.items():
        if value.shape != own[name].shape or value.dtype != own[name].dtype:
            raise ValueError(
                f"{name} is {value.dtype} of shape {tuple(value.shape)}, "
                f"but {own[name].dtype} of shape {tuple(own[name].shape)} here"
            )
    for name, value in values.items():
        own[name].copy_(value)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Name the network's own tensors; batches are counted by PyTorch's batch norm alone."""
    buffers = dict(network.named_buffers())
    counted = {name: buffers[name] for name in buffers if not name.endswith("num_batches_tracked")}
    return dict(network.named_parameters()) | counted
