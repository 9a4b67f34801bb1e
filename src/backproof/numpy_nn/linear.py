"""The fully connected layer.

Axes: s sample 1…B, i output feature 1…M, j input feature 1…D.
"""

import numpy as np
import numpy.typing as npt

from backproof.numpy_nn.array_checks import (
    Array,
    require_dout,
    require_dtype,
    require_float_dtype,
    require_saved,
)

__all__ = ["Linear"]


class Linear:
    """y = x Wᵀ + b, with ``params`` and ``grads`` keyed ``weight`` (M, D) and ``bias`` (M,).

    Weights start as N(0, scale²) drawn from ``rng``, biases as zeros; both have dtype ``dtype``, and input
    of any other dtype is refused. A float32 layer starts from the rounded weights of its float64 twin.
    Either size below 1 is a ValueError.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        scale: float = 1e-4,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        require_float_dtype("Linear", dtype)
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear needs at least one feature on each side, got {in_features} → {out_features}"
            )
        weight = rng.normal(0.0, scale, size=(out_features, in_features)).astype(dtype)
        self.params: dict[str, Array] = {"weight": weight, "bias": np.zeros(out_features, dtype)}
        self.grads: dict[str, Array] = {name: np.zeros_like(value) for name, value in self.params.items()}
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Map x (B, D) to y (B, M).

        linear.y:  y_si = Σ_j W_ij x_sj + b_i
        """
        weight, bias = self.params["weight"], self.params["bias"]
        if x.ndim != 2 or x.shape[0] == 0 or x.shape[1] != weight.shape[1]:
            raise ValueError(
                f"Linear.forward: x has shape {x.shape}, but weight of shape {weight.shape} "
                f"takes (B, {weight.shape[1]}) with B ≥ 1"
            )
        require_dtype("Linear.forward", "x", x, "weight", weight)
        self._x = x
        y: Array = x @ weight.T
        y += bias
        return y

    def backward(self, dout: Array) -> Array:
        """Fill ``grads`` and return dx (B, D), given dout = ∂L/∂y (B, M).

        linear.dx:  ∂L/∂x_sj = Σ_i ∂L/∂y_si W_ij
        """
        self.backward_params(dout)
        dx: Array = dout @ self.params["weight"]
        return dx

    def backward_params(self, dout: Array) -> None:
        """Fill ``grads`` alone: nothing needs dx of a network's first layer, its most expensive product.

        linear.dW:  ∂L/∂W_ij = Σ_s ∂L/∂y_si x_sj
        linear.db:  ∂L/∂b_i = Σ_s ∂L/∂y_si
        """
        x = require_saved("Linear", self._x)
        weight = self.params["weight"]
        require_dout("Linear", dout, (len(x), len(weight)), weight.dtype)
        np.matmul(dout.T, x, out=self.grads["weight"])
        np.sum(dout, axis=0, out=self.grads["bias"])
