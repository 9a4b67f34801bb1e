"""Numerical gradients by central differences, at every index."""

import numpy as np

from backproof.gradcheck import central_difference


def eval_numerical_gradient(f, x, verbose=True, h=1e-5):
    """Return the gradient of the scalar function f at x, an array like x (float64, moved and put back)."""
    gradient = central_difference(f, x, h=h)
    if verbose:
        for index in np.ndindex(x.shape):
            print(index, gradient[index])
    return gradient


def eval_numerical_gradient_array(f, x, df, h=1e-5):
    """Return the gradient of Σ df ⊙ f(x) at x, where df is the upstream gradient, shaped like f(x)."""
    return central_difference(f, x, df, h=h)
