"""Run layers one after the other, batch norm by hand together with the activation behind it."""

from collections import deque
from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules import module

from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNorm


def run_in_a_row(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Return what the last layer makes of what those before it made of x.

    A ReLU or LeakyReLU right behind batch norm is computed in batch norm's own passes over memory, with the
    same result where numbers are finite; not where one of them has hooks, which are to see what each returns.
    """
    left = deque(layers)
    while left:
        layer = left.popleft()
        slope = _slope_behind(layer, left[0]) if left else None
        if slope is None:
            x = layer(x)
        else:
            x = layer(x, slope)
            left.popleft()
    return x


class Block(nn.Sequential):
    """Layers in a row, as nn.Sequential has them, run by ``run_in_a_row``."""

    def forward(self, x: Tensor) -> Tensor:
        """Run them."""
        return run_in_a_row(self, x)


def _slope_behind(norm: nn.Module, activation: nn.Module) -> float | None:
    """Return the slope below zero of an activation that this layer can compute, None if it cannot."""
    if not isinstance(norm, BatchNorm) or _has_hooks(norm) or _has_hooks(activation):
        return None
    if type(activation) is nn.ReLU:
        return 0.0
    return activation.negative_slope if type(activation) is nn.LeakyReLU else None


def _has_hooks(layer: nn.Module) -> bool:
    return any(
        (
            layer._forward_hooks,
            layer._forward_pre_hooks,
            layer._backward_hooks,
            layer._backward_pre_hooks,
            module._global_forward_hooks,
            module._global_forward_pre_hooks,
            module._global_backward_hooks,
            module._global_backward_pre_hooks,
        )
    )
