"""Optimizers: what turns gradients into updates of the parameters, in place."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from backproof.numpy_nn.array_checks import Array

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


class Optimizer(Protocol):
    """Updates the arrays of ``params`` by those of ``grads``, which have the same names and shapes.

    ``state`` holds what has to be saved beside the parameters (momentum, counts), in arrays that steps write
    into.
    """

    state: dict[str, Array]

    def __init__(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        learning_rate: float,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        """Take references to the arrays."""

    def step(self) -> None:
        """Take one step with the gradients as they are now."""


_CHUNK = 1 << 16
"""Numbers updated at a time: a chunk of each array stays in the processor's cache."""


class SGD:
    """Gradient descent w ← w − η g, with weight decay g + λ w and momentum v ← m v + g if asked for.

    With ``nesterov``, g + m v takes the place of v. As in torch.optim.SGD.

    sgd.step:  w_i ← w_i − η ∂L/∂w_i
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
        self.learning_rate, self.momentum = learning_rate, momentum
        self.nesterov, self.weight_decay = nesterov, weight_decay
        self.state: dict[str, Array] = (
            {f"{name}.momentum_buffer": np.zeros_like(param) for name, param in params.items()}
            if momentum
            else {}
        )
        buffers = [self.state.get(f"{name}.momentum_buffer", grads[name]) for name in params]
        self._chunks = list(_chunks(list(params.values()), [grads[name] for name in params], buffers))
        self._scratch = np.empty(_CHUNK, np.result_type(*params.values()))
        self._decayed = np.empty_like(self._scratch)

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
        for param, grad, velocity in self._chunks:
            update = self._scratch[: param.size]
            if self.weight_decay:
                decayed = np.multiply(param, self.weight_decay, out=self._decayed[: param.size])
                decayed += grad
                grad = decayed
            if self.momentum:
                velocity *= self.momentum
                velocity += grad
                np.multiply(velocity, self.momentum if self.nesterov else 1.0, out=update)
                if self.nesterov:
                    update += grad
                update *= self.learning_rate
            else:
                np.multiply(grad, self.learning_rate, out=update)
            param -= update


class Adam:
    """Adam, with weight decay as an L2 penalty, or decoupled as in AdamW; as torch.optim.Adam."""

    _decoupled = False

    def __init__(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.learning_rate, self.betas, self.eps, self.weight_decay = learning_rate, betas, eps, weight_decay
        means = {f"{name}.exp_avg": np.zeros_like(param) for name, param in params.items()}
        squares = {f"{name}.exp_avg_sq": np.zeros_like(param) for name, param in params.items()}
        self.state: dict[str, Array] = {**means, **squares, "steps": np.zeros((), np.int64)}
        self._chunks = list(
            _chunks(
                list(params.values()),
                [grads[name] for name in params],
                list(means.values()),
                list(squares.values()),
            )
        )
        self._scratch = np.empty(_CHUNK, np.result_type(*params.values()))
        self._decayed = np.empty_like(self._scratch)

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
        self.state["steps"] += 1
        t = int(self.state["steps"])
        beta1, beta2 = self.betas
        step_size = self.learning_rate / (1 - beta1**t)
        root = (1 - beta2**t) ** 0.5
        for param, grad, mean, square in self._chunks:
            scratch = self._scratch[: param.size]
            if self.weight_decay and self._decoupled:
                param *= 1 - self.learning_rate * self.weight_decay
            elif self.weight_decay:
                decayed = np.multiply(param, self.weight_decay, out=self._decayed[: param.size])
                decayed += grad
                grad = decayed
            mean *= beta1
            mean += np.multiply(grad, 1 - beta1, out=scratch)
            np.multiply(grad, grad, out=scratch)
            scratch *= 1 - beta2
            square *= beta2
            square += scratch
            np.sqrt(square, out=scratch)
            scratch /= root
            scratch += self.eps
            np.divide(mean, scratch, out=scratch)
            scratch *= step_size
            param -= scratch


def _chunks(*arrays: list[Array]) -> Iterator[tuple[Array, ...]]:
    """Yield views of corresponding chunks of each parameter's arrays."""
    for together in zip(*arrays, strict=True):
        vectors = [_vector(array) for array in together]
        for start in range(0, vectors[0].size, _CHUNK):
            yield tuple(vector[start : start + _CHUNK] for vector in vectors)


def _vector(x: Array) -> Array:
    """View an array as a vector in the order of its memory (ValueError if its layout allows none)."""
    vector = x.ravel(order="K")
    if not np.shares_memory(vector, x):
        raise ValueError(f"an optimizer needs arrays without gaps in memory, not strides {x.strides}")
    return vector


class AdamW(Adam):
    """Adam with decoupled weight decay; as torch.optim.AdamW."""

    _decoupled = True
