"""Stochastic gradient descent, with momentum or without."""

from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.chunks import chunks_of, scratch_for
from backproof.numpy_nn.optimizer_settings import require_not_negative

__all__ = ["SGD"]


class SGD:
    """Gradient descent, as torch.optim.SGD does it (dampening 0), in place; v starts at zero.

    weight_decay.g:  g_i = ∂L/∂w_i + λ w_i
    sgd.step:  w_i ← w_i − η ∂L/∂w_i
    momentum.v:  v′_i = m v_i + g_i
    momentum.step:  w_i ← w_i − η v′_i
    nesterov.step:  w_i ← w_i − η (g_i + m v′_i)

    ``momentum`` is m, how much of the last update goes on; ``nesterov`` looks ahead by one update of it;
    ``weight_decay`` is λ of a penalty λ/2 Σ w², whose gradient is added. A negative number, infinity, NaN,
    and nesterov without momentum are a ValueError.
    """

    def __init__(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        learning_rate: float,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        require_not_negative(learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.learning_rate = learning_rate
        self._momentum = momentum
        self._nesterov = nesterov
        self._weight_decay = weight_decay
        buffers = {name: np.zeros_like(param) for name, param in params.items()} if momentum else {}
        self.state: dict[str, Array] = {f"{name}.momentum_buffer": buffer for name, buffer in buffers.items()}
        self._chunks = chunks_of(params, gradient=grads, **({"buffer": buffers} if momentum else {}))
        self._scratch = scratch_for(params)
        self._ahead = scratch_for(params)

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
        for param, gradient, *buffers in self._chunks:
            scratch = self._scratch[: param.size]
            direction = gradient
            if self._weight_decay:
                direction = np.multiply(param, self._weight_decay, out=scratch)
                direction += gradient
            for buffer in buffers:
                buffer *= self._momentum
                buffer += direction
                if self._nesterov:
                    ahead = np.multiply(buffer, self._momentum, out=self._ahead[: param.size])
                    ahead += direction
                    direction = ahead
                else:
                    direction = buffer
            param -= np.multiply(direction, self.learning_rate, out=scratch)
