"""Sequential, a network as a chain of layers, and the protocol of these layers."""

from collections.abc import Callable, Mapping
from itertools import dropwhile
from typing import Protocol, runtime_checkable

from backproof.numpy_nn.array_checks import Array, require_like

__all__ = ["Layer", "ModalLayer", "Sequential", "TrainableLayer"]


class Layer(Protocol):
    """One function of a network: parameters and their gradients by the same names, and both passes.

    A layer without parameters has empty dicts. ``backward`` writes into the arrays of ``grads``, which stay
    the same objects: networks and optimizers hold references to them.
    """

    params: dict[str, Array]
    grads: dict[str, Array]

    def forward(self, x: Array) -> Array:
        """Return the output, and save what ``backward`` needs."""

    def backward(self, dout: Array) -> Array:
        """Fill ``grads`` and return ∂L/∂x, given dout = ∂L/∂output."""


@runtime_checkable
class TrainableLayer(Layer, Protocol):
    """A layer that can leave out ∂L/∂x, which training does not need from a network's first."""

    def backward_params(self, dout: Array) -> None:
        """Fill ``grads`` alone."""


@runtime_checkable
class ModalLayer(Layer, Protocol):
    """A layer that computes something else in evaluation than in training: batch norm, dropout."""

    def train(self, step: int, /) -> None:
        """Compute from now on what training step ``step`` does: some layers draw random numbers by it."""

    def eval(self) -> None:
        """Compute from now on what evaluation does."""


class Sequential:
    """Applies layers one after another; itself a layer, so that a block of layers can stand among others.

    ``params`` and ``grads`` hold the layers' own arrays under ``name.parameter``, as in ``linear1.weight``:
    write into one (``params[name][...] = value``) and the network changes. ``buffers`` are what layers keep
    besides, such as running statistics, by the same kind of names. A new network trains. ValueError for a
    name that is empty or has a dot, and for a layer that occurs twice: its second forward overwrites what
    its first saved.
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        for name in layers:
            if not name or "." in name:
                raise ValueError(f"Sequential: a layer's name is a word without dots, not {name!r}")
        if len({id(layer) for layer in layers.values()}) < len(layers):
            raise ValueError(f"Sequential: one layer occurs twice among {', '.join(layers)}; make two")
        self.layers = dict(layers)
        self.params = _by_full_name({name: layer.params for name, layer in layers.items()})
        self.grads = _by_full_name({name: layer.grads for name, layer in layers.items()})
        if len({id(value) for value in self.params.values()}) < len(self.params):
            raise ValueError(f"Sequential: one layer occurs twice within {', '.join(layers)}; make two")
        self.buffers = _by_full_name({name: getattr(layer, "buffers", {}) for name, layer in layers.items()})
        # Gradients of parameters need no layer before the first that has some.
        trained = list(dropwhile(lambda layer: not layer.params, layers.values()))
        self._after_first = trained[1:]
        self._backward_first = _backward_params_of(trained[0]) if trained else None

    def train(self, step: int, /) -> None:
        """Compute from now on what training step ``step`` does: batch norm by the batch, dropout at work.

        Dropout drops the same numbers until another step is named.
        """
        for layer in self.layers.values():
            if isinstance(layer, ModalLayer):
                layer.train(step)

    def eval(self) -> None:
        """Compute from now on what evaluation does: batch norm by running statistics, no dropout."""
        for layer in self.layers.values():
            if isinstance(layer, ModalLayer):
                layer.eval()

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Set all parameters and buffers to copies of the arrays with their names.

        ValueError for other names or shapes, TypeError for another dtype; nothing is then changed.
        """
        own = self.params | self.buffers
        if arrays.keys() != own.keys():
            raise ValueError(f"expected arrays {', '.join(own)}, got {', '.join(arrays)}")
        for name, array in arrays.items():
            require_like("Sequential.load", name, array, "its own", own[name])
        values = {name: array.copy() for name, array in arrays.items()}  # they may be the network's own
        for name, value in values.items():
            own[name][...] = value

    def forward(self, x: Array) -> Array:
        """Return the last layer's output."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def backward(self, dout: Array) -> Array:
        """Fill ``grads`` and return ∂L/∂x, given dout = ∂L/∂output."""
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return dout

    def backward_params(self, dout: Array) -> None:
        """Fill ``grads`` alone, as training needs them: go back no further than the first parameters.

        ∂L/∂x would cost as much as the first layer's ∂L/∂W.
        """
        if self._backward_first is None:
            return
        for layer in reversed(self._after_first):
            dout = layer.backward(dout)
        self._backward_first(dout)


def _by_full_name(arrays: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """Return the layers' arrays by ``layer.name``."""
    return {f"{layer}.{name}": value for layer, own in arrays.items() for name, value in own.items()}


def _backward_params_of(layer: Layer) -> Callable[[Array], object]:
    """Return the method that fills the layer's ``grads`` at the least cost."""
    return layer.backward_params if isinstance(layer, TrainableLayer) else layer.backward
