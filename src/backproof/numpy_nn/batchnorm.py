"""Batch norm of features (B, C), and of images (B, C, H, V), whose statistics run over pixels too.

Axes: s sample 1…B, i feature or channel 1…C, (h, v) pixel; the labels bn2d stand for images. N = B, or B H V.
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
from backproof.numpy_nn.channels import channels_first, channels_last, sum_over_pixels

__all__ = ["BatchNorm"]


class BatchNorm:
    """Normalises each channel over the batch in training, and by running statistics in evaluation.

    ``params`` and ``grads`` are ``weight`` γ and ``bias`` β, (C,), first ones and zeros; ``buffers`` are
    ``running_mean`` and ``running_var``, (C,), first zeros and ones, which every forward pass of training
    moves by ``momentum`` towards the batch's. A new layer trains. Input of another dtype than ``dtype`` is a
    TypeError; another number of channels, or a single number a channel in training, a ValueError.

    Source: Ioffe and Szegedy, 2015. The variance is the biased one, the running one unbiased, as in PyTorch.
    """

    def __init__(
        self,
        n_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        require_float_dtype("BatchNorm", dtype)
        if n_features < 1 or not 0 <= eps < np.inf or not 0 <= momentum <= 1:
            raise ValueError(
                f"BatchNorm needs at least one feature, eps ≥ 0 and momentum in [0, 1], "
                f"got {n_features}, {eps} and {momentum}"
            )
        self.eps, self.momentum = float(eps), float(momentum)  # NumPy scalars would promote float32
        self.params: dict[str, Array] = {
            "weight": np.ones(n_features, dtype),
            "bias": np.zeros(n_features, dtype),
        }
        self.grads: dict[str, Array] = {name: np.zeros_like(value) for name, value in self.params.items()}
        self.buffers: dict[str, Array] = {
            "running_mean": np.zeros(n_features, dtype),
            "running_var": np.ones(n_features, dtype),
        }
        self._trains = True
        self._saved: tuple[Array, Array, bool] | None = None

    def train(self, _step: int, /) -> None:
        """Normalise by each batch's own statistics from now on."""
        self._trains = True

    def eval(self) -> None:
        """Normalise by the running statistics from now on, which are then constants for backward, too."""
        self._trains = False

    def forward(self, x: Array) -> Array:
        """Map x (B, C) or (B, C, H, V) to y of the same shape.

        bn.xhat:  x̂_si = (x_si − μ_i)/√(σ²_i + ε)
        bn.y:  y_si = γ_i x̂_si + β_i
        """
        gamma, beta = self.params["weight"], self.params["bias"]
        if x.ndim not in (2, 4) or x.size == 0 or x.shape[1] != len(gamma):
            raise ValueError(
                f"BatchNorm.forward: x has shape {x.shape}, but weight of shape {gamma.shape} takes "
                f"(B, {len(gamma)}) or (B, {len(gamma)}, H, W), each ≥ 1"
            )
        require_dtype("BatchNorm.forward", "x", x, "weight", gamma)
        pixels = _pixels(x)
        if self._trains:
            n = pixels.size // len(gamma)
            if n == 1:
                raise ValueError(
                    f"BatchNorm.forward: x of shape {x.shape} has one number a channel, no variance"
                )
            mean, xhat, var = moments(pixels)
            self._move_running_statistics(mean.real, var.real, n)
        else:
            xhat, var = pixels - self.buffers["running_mean"], self.buffers["running_var"]
        invstd = 1 / np.sqrt(var + self.eps)
        xhat *= invstd
        self._saved = xhat, invstd, self._trains
        y = xhat * gamma
        y += beta
        return channels_first(y) if x.ndim == 4 else y

    def _move_running_statistics(self, mean: Array, var: Array, n: int) -> None:
        """Move them towards a batch's mean and variance of n numbers a channel.

        bn.running_mean:  μ̄_i ← (1 − m) μ̄_i + m μ_i
        bn.running_var:  σ̄²_i ← (1 − m) σ̄²_i + m (B/(B − 1)) σ²_i
        """
        for running, of_batch in (("running_mean", mean), ("running_var", var * (n / (n - 1)))):
            self.buffers[running] *= 1 - self.momentum
            self.buffers[running] += self.momentum * of_batch

    def backward(self, dout: Array) -> Array:
        """Fill ``grads`` and return dx, given dout = ∂L/∂y, both of x's shape.

        bn.dgamma:  ∂L/∂γ_i = Σ_s ∂L/∂y_si x̂_si
        bn.dbeta:  ∂L/∂β_i = Σ_s ∂L/∂y_si
        bn.dx:  ∂L/∂x_si = (γ_i/(B √(σ²_i + ε))) (B ∂L/∂y_si − Σ_r ∂L/∂y_ri − x̂_si Σ_r ∂L/∂y_ri x̂_ri)
        """
        xhat, invstd, trained = require_saved("BatchNorm", self._saved)
        images = xhat.ndim == 4
        require_dout("BatchNorm", dout, (channels_first(xhat) if images else xhat).shape, xhat.dtype)
        dy, n = _pixels(dout), xhat.size // len(invstd)
        dgamma, dbeta = self.grads["weight"], self.grads["bias"]
        dgamma[...] = sum_over_pixels(dy * xhat)
        dbeta[...] = sum_over_pixels(dy)
        if trained:
            dx = xhat * (dgamma / -n)
            dx += dy
            dx -= dbeta / n
            dx *= self.params["weight"] * invstd
        else:
            dx = dy * (self.params["weight"] * invstd)
        return channels_first(dx) if images else dx


def moments(x: Array) -> tuple[Array, Array, Array]:
    """Return of each channel of x (B, …, C): the mean (C,), x less the mean, and the variance (C,).

    bn.mu:  μ_i = (1/B) Σ_s x_si
    bn.var:  σ²_i = (1/B) Σ_s (x_si − μ_i)²
    """
    n = x.size // x.shape[-1]
    mean = sum_over_pixels(x) / n
    centred = x - mean
    return mean, centred, sum_over_pixels(np.square(centred)) / n


def _pixels(x: Array) -> Array:
    """Return features (B, C) as they are, and images as pixels (B, H, V, C)."""
    return channels_last(x) if x.ndim == 4 else x
