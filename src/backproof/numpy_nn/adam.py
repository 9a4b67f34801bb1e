"""Adam, and AdamW, which keeps weight decay out of Adam's means."""

from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.chunks import chunks_of, scratch_for
from backproof.numpy_nn.optimizer_settings import require_betas, require_not_negative

__all__ = ["Adam", "AdamW"]


class Adam:
    """Adam, as torch.optim.Adam does it, in place; m and v start at zero, and t counts the steps from 1.

    weight_decay.g:  g_i = ∂L/∂w_i + λ w_i
    adam.m:  m′_i = β_1 m_i + (1 − β_1) g_i
    adam.v:  v′_i = β_2 v_i + (1 − β_2) g_i²
    adam.step:  w_i ← w_i − η (m′_i/(1 − β_1^t))/(√(v′_i/(1 − β_2^t)) + ε)

    ``betas`` are β_1 and β_2, the shares of the old means that a step keeps; ``eps`` is ε, added to the root
    mean square; ``weight_decay`` is λ of a penalty λ/2 Σ w², whose gradient is added before the means are
    taken. A negative number, infinity, NaN, and betas outside [0, 1) are a ValueError.
    """

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
        require_not_negative(learning_rate=learning_rate, weight_decay=weight_decay)
        self.learning_rate = learning_rate
        self._weight_decay = weight_decay
        self._moments = _Moments(params, grads, betas, eps)
        self._gradient = scratch_for(params)
        self.state = self._moments.state

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
        self._moments.count_step()
        for param, gradient, mean, square in self._moments.chunks:
            penalised = gradient
            if self._weight_decay:
                penalised = np.multiply(param, self._weight_decay, out=self._gradient[: param.size])
                penalised += gradient
            param -= self._moments.update(penalised, mean, square, self.learning_rate)


class AdamW:
    """Adam with decoupled weight decay, as torch.optim.AdamW does it, in place; g is ∂L/∂w itself.

    adam.m:  m′_i = β_1 m_i + (1 − β_1) g_i
    adam.v:  v′_i = β_2 v_i + (1 − β_2) g_i²
    adamw.step:  w_i ← (1 − η λ) w_i − η (m′_i/(1 − β_1^t))/(√(v′_i/(1 − β_2^t)) + ε)

    ``betas`` and ``eps`` are as in Adam; ``weight_decay`` is λ: every step shrinks the parameters by η λ,
    beside Adam's update. A negative number, infinity, NaN, and betas outside [0, 1) are a ValueError.
    """

    def __init__(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        require_not_negative(learning_rate=learning_rate, weight_decay=weight_decay)
        self.learning_rate = learning_rate
        self._weight_decay = weight_decay
        self._moments = _Moments(params, grads, betas, eps)
        self.state = self._moments.state

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
        self._moments.count_step()
        for param, gradient, mean, square in self._moments.chunks:
            if self._weight_decay:
                param *= 1 - self.learning_rate * self._weight_decay
            param -= self._moments.update(gradient, mean, square, self.learning_rate)


class _Moments:
    """The running means of gradients and of their squares, and the update that they give."""

    def __init__(
        self, params: Mapping[str, Array], grads: Mapping[str, Array], betas: tuple[float, float], eps: float
    ) -> None:
        require_betas(betas)
        require_not_negative(eps=eps)
        self._betas = betas
        self._eps = eps
        self._steps = np.zeros((), np.int64)
        means = {name: np.zeros_like(param) for name, param in params.items()}
        squares = {name: np.zeros_like(param) for name, param in params.items()}
        self.state: dict[str, Array] = {"steps": self._steps}
        for name in params:
            self.state[f"{name}.exp_avg"] = means[name]
            self.state[f"{name}.exp_avg_sq"] = squares[name]
        self.chunks = chunks_of(params, gradient=grads, mean=means, square=squares)
        self._scratch = scratch_for(params)

    def count_step(self) -> None:
        """Say that a step begins."""
        self._steps += 1

    def update(self, gradient: Array, mean: Array, square: Array, learning_rate: float) -> Array:
        """Take a chunk's gradient into its means; return, in the scratch, what the parameters lose.

        What corrects the means for their start at zero is put into two numbers, out of the arrays.
        """
        beta_1, beta_2 = self._betas
        steps = int(self._steps)
        scale = (1 - beta_2**steps) ** 0.5
        scratch = self._scratch[: gradient.size]
        mean *= beta_1
        mean += np.multiply(gradient, 1 - beta_1, out=scratch)
        square *= beta_2
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - beta_2
        square += scratch
        np.sqrt(square, out=scratch)
        scratch += self._eps * scale
        np.divide(mean, scratch, out=scratch)
        scratch *= learning_rate * scale / (1 - beta_1**steps)
        return scratch
