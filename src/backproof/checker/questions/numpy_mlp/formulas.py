"""The exact values of question 1.2's layers that several checks use."""

import numpy as np

from backproof.arrays import Array


def softmax(x: Array) -> Array:
    """Return the softmax of every row (B, C)."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
