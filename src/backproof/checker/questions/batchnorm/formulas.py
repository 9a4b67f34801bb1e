"""Batch norm (B, C) and its gradients in float64, as they should be and with usual changes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from backproof.arrays import Array


class Gradients(NamedTuple):
    """∂L/∂x (B, C), ∂L/∂γ and ∂L/∂β (C,)."""

    dx: Array
    dgamma: Array
    dbeta: Array


@dataclass(frozen=True)
class BatchNormCase:
    """The inputs of one call, in float64."""

    x: Array
    gamma: Array
    beta: Array
    eps: float
    dy: Array

    def normalised(self, *, ddof: int = 0, outside: bool = False) -> tuple[Array, Array]:
        """Return x̂ and the divisor (C,)."""
        var = self.x.var(axis=0, ddof=ddof)
        divisor = np.sqrt(var) + self.eps if outside else np.sqrt(var + self.eps)
        return (self.x - self.x.mean(axis=0)) / divisor, divisor

    def y(self, *, ddof: int = 0, outside: bool = False) -> Array:
        """Return γ x̂ + β."""
        return self.gamma * self.normalised(ddof=ddof, outside=outside)[0] + self.beta

    def gradients(self, *, ddof: int = 0, outside: bool = False, exact: bool = True) -> Gradients:
        """Return the exact gradients of ``y``; else the usual formula for dx, whatever x̂ and divisor are."""
        xhat, divisor = self.normalised(ddof=ddof, outside=outside)
        dgamma, dbeta = (self.dy * xhat).sum(axis=0), self.dy.sum(axis=0)
        n = len(self.x)
        # ∂divisor/∂x = share · x̂: (x − μ) / ((n − ddof) · root), where the root is what σ² stands under.
        root = np.sqrt(self.x.var(axis=0, ddof=ddof)) if outside else divisor
        share = divisor / ((n - ddof) * root) if exact else np.full_like(divisor, 1 / n)
        dx = self.gamma / divisor * (self.dy - self.dy.mean(axis=0) - xhat * share * dgamma)
        return Gradients(dx, dgamma, dbeta)

    @property
    def inputs(self) -> dict[str, Array]:
        """All that goes in, by name."""
        return {
            "x": self.x, "gamma": self.gamma, "beta": self.beta, "eps": np.array(self.eps), "dy": self.dy
        }  # fmt: skip
