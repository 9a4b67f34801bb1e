"""Flatten: images as vectors."""

import math

from backproof.numpy_nn.array_checks import Array, require_dout, require_saved

__all__ = ["Flatten"]


class Flatten:
    """Lays the numbers of each sample in a row, (B, …) → (B, D), channel after channel, as PyTorch does."""

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """Map x (B, …) to y (B, D): a view where memory allows it."""
        if x.ndim < 1 or x.size == 0:
            raise ValueError(f"Flatten.forward: x has shape {x.shape}, expected (B, …), each ≥ 1")
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dout: Array) -> Array:
        """Return dx (B, …), given dout = ∂L/∂y (B, D)."""
        shape = require_saved("Flatten", self._shape)
        require_dout("Flatten", dout, (shape[0], math.prod(shape[1:])), dout.dtype)
        return dout.reshape(shape)
