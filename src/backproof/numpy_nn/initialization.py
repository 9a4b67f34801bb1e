"""How weights start."""

import math

import numpy as np

from backproof.numpy_nn.array_checks import Array


def draw_uniform(weight: Array, bias: Array, rng: np.random.Generator) -> None:
    """Fill a layer's weight (M, …) and bias (M,) from ±1/√(inputs of one output), as PyTorch's layers do."""
    bound = 1 / math.sqrt(weight[0].size)
    for array in (weight, bias):
        array[...] = rng.uniform(-bound, bound, size=array.shape)
