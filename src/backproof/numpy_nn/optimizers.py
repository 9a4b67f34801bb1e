"""Optimizers: what turns gradients into updates of the parameters, in place."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from backproof.numpy_nn.array_checks import Array

__all__ = ["SGD", "Optimizer"]


class Optimizer(Protocol):
    """Updates the arrays of ``params`` by those of ``grads``, which have the same names and shapes.

    ``state`` holds what has to be saved beside the parameters (momentum, counts), in arrays that steps write
    into.
    """

    state: dict[str, Array]

    def __init__(self, params: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float) -> None:
        """Take references to the arrays."""

    def step(self) -> None:
        """Take one step with the gradients as they are now."""


_CHUNK = 1 << 16
"""Numbers updated at a time: a chunk and its update stay in the processor's cache."""


class SGD:
    """Plain gradient descent on contiguous arrays (ValueError for others).

    sgd.step:  w_i ← w_i − η ∂L/∂w_i
    """

    def __init__(self, params: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.state: dict[str, Array] = {}
        self._chunks = [
            (param[start : start + _CHUNK], grad[start : start + _CHUNK])
            for param, grad in ((_vector(params[name]), _vector(grads[name])) for name in params)
            for start in range(0, param.size, _CHUNK)
        ]
        self._update = np.empty(_CHUNK, np.result_type(*params.values()))

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
        for param, grad in self._chunks:
            update = np.multiply(grad, self.learning_rate, out=self._update[: param.size])
            np.subtract(param, update, out=param)


def _vector(x: Array) -> Array:
    """View an array as a vector, on the same memory (ValueError if its layout allows none)."""
    return x.reshape(-1, copy=False)
