"""Torch's optimizers by the names in training.optimizers, and their state as arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backproof.arrays import State
from backproof.training.config import TrainConfig
from backproof.training.optimizers import OPTIMIZERS

_MEASURE = "measure"
"""What a group of parameters multiplies the learning rate by."""


def make_optimizer(network: nn.Module, config: TrainConfig) -> Optimizer:
    """Return the optimizer of the settings; everything that they don't name is as PyTorch has it."""
    info = OPTIMIZERS[config.optimizer]
    assert info.torch_class is not None  # Recipe.configure refuses those that PyTorch's networks lack
    optimizer: Optimizer = getattr(torch.optim, info.torch_class)(
        _parameter_groups(network, config),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        # Not every optimizer knows these words; plain SGD is one pass over memory anyway.
        **({"fused": True} if info.fused or config.momentum else {}),
        **({"momentum": config.momentum, "nesterov": config.nesterov} if config.momentum else {}),
    )
    return optimizer


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the rate of the next step, of every group in its own measure."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group[_MEASURE]


def _parameter_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Return batch norms' biases apart from all others, if their learning rate is another.

    Some recipes move them far faster than weights (Jordan, arXiv 2404.00498). The decay of a step stays that
    of all others.
    """
    times = config.norm_bias_rate
    if times == 1:
        return [{"params": list(network.parameters()), _MEASURE: 1.0}]
    biases: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, param in network.named_parameters():
        (biases if "norm" in name and name.endswith(".bias") else others).append(param)
    return [
        {"params": others, _MEASURE: 1.0},
        {
            "params": biases,
            "lr": times * config.learning_rate,
            "weight_decay": config.weight_decay / times,
            _MEASURE: times,
        },
    ]


def state(optimizer: Optimizer, network: nn.Module) -> State:
    """Return the optimizer's state of each parameter, e.g. ``linear1.weight.exp_avg``."""
    return {
        f"{name}.{key}": value.numpy(force=True)
        for name, param in network.named_parameters()
        for key, value in optimizer.state[param].items()
        if isinstance(value, Tensor)
    }


def load_state(optimizer: Optimizer, network: nn.Module, saved: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Take back what ``state`` returned (ValueError if it is of other parameters)."""
    params = dict(network.named_parameters())
    for full_name, array in saved.items():
        name, _, key = full_name.rpartition(".")
        if name not in params or (array.ndim and array.shape != params[name].shape):
            raise ValueError(f"the optimizer's {full_name} of shape {array.shape} has no parameter here")
        param, value = params[name], torch.from_numpy(array.copy()).to(params[name].device)
        # In the parameter's own memory format: a fused update goes over both in one order.
        optimizer.state[param][key] = torch.empty_like(param).copy_(value) if value.ndim else value
