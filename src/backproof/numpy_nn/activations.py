"""Activation functions: elementwise between layers, softmax at the end.

Axes: s sample 1…B, i and j feature or class 1…C.
"""

import numpy as np

from backproof.numpy_nn.array_checks import (
    Array,
    require_dout,
    require_floating,
    require_like,
    require_matrix,
    require_saved,
)

__all__ = ["LeakyReLU", "ReLU", "Softmax"]


class ReLU:
    """max(0, x) of an array of any shape; NaN stays NaN. At the kink, x = 0, the derivative is taken as 0.

    Where the derivative is 0, an infinite ∂L/∂y gives NaN.
    """

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._y: Array | None = None

    def forward(self, x: Array) -> Array:
        """Map x to y of the same shape.

        relu.y:  y_si = max(0, x_si)
        """
        require_floating("ReLU.forward", "x", x)
        self._y = np.maximum(x, 0)
        return self._y

    def backward(self, dout: Array) -> Array:
        """Return dx, given dout = ∂L/∂y, both of x's shape.

        relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else 0)
        """
        y = require_saved("ReLU", self._y)
        require_dout("ReLU", dout, y.shape, y.dtype)
        dx: Array = dout * (y.real > 0)
        return dx


class LeakyReLU:
    """max(0, x) + a · min(0, x) with a finite slope a ≥ 0 (else ValueError); a = 0 is the plain ReLU."""

    def __init__(self, negative_slope: float) -> None:
        if not 0 <= negative_slope <= np.finfo(np.float32).max:
            raise ValueError(f"LeakyReLU: the negative slope must be finite and ≥ 0, got {negative_slope}")
        self.negative_slope = float(negative_slope)  # a NumPy scalar would promote float32
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._slope: Array | None = None

    def forward(self, x: Array) -> Array:
        """Map x (B, C) to y (B, C).

        leaky_relu.y:  y_si = max(0, x_si) + a min(0, x_si)
        """
        require_matrix("LeakyReLU.forward", "x", x)
        # At the kink, x = 0, any slope in [a, 1] is a subgradient; a is the usual choice.
        positive = (x.real > 0).astype(x.real.dtype)
        self._slope = positive + (1 - positive) * self.negative_slope  # exact, and quicker than np.where
        y: Array = x * self._slope
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx (B, C), given dout = ∂L/∂y (B, C).

        leaky_relu.dx:  ∂L/∂x_si = ∂L/∂y_si (1 if x_si > 0 else a)
        """
        slope = require_saved("LeakyReLU", self._slope)
        require_like("LeakyReLU.backward", "dout", dout, "y", slope)
        dx: Array = dout * slope
        return dx


class Softmax:
    """Turns scores into a probability for each class."""

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._p: Array | None = None

    def forward(self, x: Array) -> Array:
        """Map x (B, C) to p (B, C), whose rows sum to one.

        softmax.p:  p_si = exp(x_si − max_k x_sk)/(Σ_j exp(x_sj − max_k x_sk))
        """
        require_matrix("Softmax.forward", "x", x)
        # The maximum cancels out of the quotient; without it exp overflows from 709 on (float32: 88).
        p: Array = np.exp(x - x.real.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        self._p = p
        return p

    def backward(self, dout: Array) -> Array:
        """Return dx (B, C), given dout = ∂L/∂p (B, C).

        softmax.dx:  ∂L/∂x_si = p_si (∂L/∂p_si − Σ_j ∂L/∂p_sj p_sj)
        """
        p = require_saved("Softmax", self._p)
        require_like("Softmax.backward", "dout", dout, "p", p)
        dx: Array = p * (dout - np.sum(dout * p, axis=1, keepdims=True))
        return dx
