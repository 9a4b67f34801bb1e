"""Dropout: in training, some of the numbers become zero.

Axes: s sample 1…B, i feature 1…C.
"""

from collections.abc import Sequence

import numpy as np

from backproof.numpy_nn.array_checks import Array, require_dout, require_floating, require_saved

__all__ = ["Dropout"]


class Dropout:
    """Drops a fraction f of its input in training, and divides the rest by 1 − f; evaluation changes nothing.

    What a training step drops is a function of ``seed``, a whole number or several, and of the step that
    ``train`` names: so resuming needs no generator's state. A new layer trains, in step 0. A fraction
    outside [0, 1) is a ValueError.

    Source: Srivastava et al., 2014.
    """

    def __init__(self, fraction: float, *, seed: int | Sequence[int]) -> None:
        if not 0 <= fraction < 1:
            raise ValueError(f"Dropout drops a fraction of 0 or more and below 1, not {fraction}")
        self.fraction = float(fraction)  # a NumPy scalar would promote float32
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._seed = np.random.SeedSequence(seed).entropy
        self._step: int | None = 0
        self._factor: Array | None = None
        self._x_shape: tuple[int, ...] = ()
        self._x_dtype: np.dtype = np.dtype(float)

    def train(self, step: int, /) -> None:
        """Drop, from now on, what training step ``step`` drops."""
        self._step = step

    def eval(self) -> None:
        """Drop nothing from now on."""
        self._step = None

    def forward(self, x: Array) -> Array:
        """Map x to y of the same shape; mask k_si is 1 for what is kept, and 0 for what is dropped.

        dropout.y:  y_si = k_si x_si/(1 − f)
        """
        require_floating("Dropout.forward", "x", x)
        self._x_shape, self._x_dtype = x.shape, x.dtype
        self._factor = np.ones((), x.real.dtype)
        if self._step is not None:
            # The step apart from the seed: as one more number, seed 1's step 2 would be step 0 of (1, 2).
            rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._step,)))
            kept = rng.random(x.shape) >= self.fraction
            self._factor = kept.astype(x.real.dtype) / (1 - self.fraction)
        y: Array = x * self._factor
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx, given dout = ∂L/∂y, both of x's shape.

        dropout.dx:  ∂L/∂x_si = k_si ∂L/∂y_si/(1 − f)
        """
        factor = require_saved("Dropout", self._factor)
        require_dout("Dropout", dout, self._x_shape, self._x_dtype)
        dx: Array = dout * factor
        return dx
