"""Gradient clipping: no step is longer than gradients of a largest norm make it."""

import math
from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array

__all__ = ["clip_gradients"]


def clip_gradients(grads: Mapping[str, Array], most: float) -> float:
    """Scale all gradients by one number, in place, and return the norm that they had as one vector.

    clipping.norm:  ρ = √(Σ_i g_i²)
    clipping.g:  g_i ← min(1, θ/(ρ + ε)) g_i

    ``most`` is θ, above 0 (else ValueError), and ε is 10⁻⁶, as in ``torch.nn.utils.clip_grad_norm_``: what is
    infinite becomes NaN, and where one is NaN, all are.

    Source: Pascanu et al., 2013.
    """
    if not most > 0:
        raise ValueError(f"most has to be above 0, but is {most}")
    norm = math.hypot(*(float(np.linalg.norm(grad)) for grad in grads.values()))
    share = most / (norm + 1e-6)
    if not share >= 1:  # which NaN is not, either
        for grad in grads.values():
            grad *= share
    return norm
