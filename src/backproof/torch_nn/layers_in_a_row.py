"""Run layers one after the other, batch norm by hand together with the activation behind it."""

from collections.abc import Iterable

from torch import Tensor, nn

from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNorm


def run_in_a_row(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Return what the last layer makes of what those before it made of x.

    A ReLU or LeakyReLU right behind batch norm is computed in batch norm's own passes over memory, with the
    same result; not where one of them has hooks, which are to see what each returns.
    """
    norm: BatchNorm | None = None
    for layer in layers:
        if norm is not None:
            slope = None if _has_hooks(norm) or _has_hooks(layer) else _slope(layer)
            x, norm = norm(x, slope), None
            if slope is not None:
                continue
        if isinstance(layer, BatchNorm):
            norm = layer
        else:
            x = layer(x)
    return x if norm is None else norm(x)


class Block(nn.Sequential):
    """Layers in a row, as nn.Sequential has them, run by ``run_in_a_row``."""

    def forward(self, x: Tensor) -> Tensor:
        """Run them."""
        return run_in_a_row(self, x)


def _has_hooks(layer: nn.Module) -> bool:
    return any(
        (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    )


def _slope(layer: nn.Module) -> float | None:
    """Return the slope below zero of an activation that batch norm can compute, None for any other layer."""
    if type(layer) is nn.ReLU:
        return 0.0
    return layer.negative_slope if type(layer) is nn.LeakyReLU else None
