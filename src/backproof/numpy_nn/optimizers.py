"""Stochastic gradient descent, the plain rule."""

from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array

_PIECE = 1 << 16
"""Numbers updated at a time: a piece and its update stay in the processor's cache."""


class SGD:
    """Moves each parameter against its gradient, in place; the arrays must be contiguous (ValueError).

    sgd.step:  w_i ← w_i − η ∂L/∂w_i
    """

    def __init__(self, params: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self._pieces = [
            (param[start : start + _PIECE], grad[start : start + _PIECE])
            for param, grad in ((_vector(params[name]), _vector(grads[name])) for name in params)
            for start in range(0, param.size, _PIECE)
        ]
        self._update = np.empty(_PIECE, np.result_type(*params.values()))

    def step(self) -> None:
        """Take one step with the gradients as they stand."""
        for param, grad in self._pieces:
            update = np.multiply(grad, self.learning_rate, out=self._update[: param.size])
            np.subtract(param, update, out=param)


def _vector(x: Array) -> Array:
    """View an array as a vector, on the same memory (ValueError if its layout allows none)."""
    return x.reshape(-1, copy=False)
