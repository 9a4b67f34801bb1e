"""How weights start."""

import math
from collections.abc import Sequence

import numpy as np

from backproof.numpy_nn.array_checks import Array


def draw_uniform(weight: Array, bias: Array, rng: np.random.Generator) -> None:
    """Fill a layer's weight (M, …) and bias (M,) from ±1/√(inputs of one output), as PyTorch's layers do."""
    bound = 1 / math.sqrt(weight[0].size)
    for array in (weight, bias):
        array[...] = rng.uniform(-bound, bound, size=array.shape)


def set_dirac(weight: Array) -> None:
    """Start the first C outputs of a convolution's weight (M, C, k, l) as copies of its C inputs.

    Outputs beyond these stay as they are; where there are fewer, so are the copies (Dirac initialization:
    Zagoruyko and Komodakis, arXiv 1706.00388).
    """
    _, n_inputs, height, width = weight.shape
    copies = weight[:n_inputs]
    each = np.arange(len(copies))
    copies[...] = 0
    copies[each, each, height // 2, width // 2] = 1


_WINDOWS = (1 / 4, 1 / 2)
"""Side of what a unit of the first and of the second hidden layer sees, as a part of the image's."""


def draw_local(weights: Sequence[Array], image_shape: Sequence[int], rng: np.random.Generator) -> None:
    """Start the first hidden layers' weights (M, D), two at most, as a random local map of the image.

    Each unit has a random place in the image (channels, height, width). Its weights from pixels, then from
    units, in a square around that place are normal, with variance 1/(their number); all others are zero. The
    matrices stay dense: nothing holds training to these places, and nothing is shared between them.
    """
    channels, *size = image_shape
    pixels = [(np.arange(n) + 0.5) / n for n in size]
    places_in = np.tile(np.stack(np.meshgrid(*pixels, indexing="ij"), axis=-1).reshape(-1, 2), (channels, 1))
    for weight, window in zip(weights, _WINDOWS, strict=False):
        places = rng.uniform(window / 2, 1 - window / 2, (len(weight), 2))
        seen = np.ones(weight.shape, bool)
        for axis in range(2):
            seen &= abs(places[:, None, axis] - places_in[None, :, axis]) <= window / 2
        n_seen = np.maximum(1, seen.sum(axis=1, keepdims=True))
        weight[...] = seen * rng.standard_normal(weight.shape) / np.sqrt(n_seen)
        places_in = places
