"""The multi-layer perceptron: Linear → LeakyReLU for every hidden size, then a last Linear."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from backproof.numpy_nn.activations import LeakyReLU
from backproof.numpy_nn.linear import Linear
from backproof.numpy_nn.sequential import Layer, Sequential

__all__ = ["MLP"]


class MLP(Sequential):
    """Maps inputs (B, D) to logits (B, C); without hidden layers it is multinomial logistic regression.

    Its layers are ``linear1``, ``activation1``, ``linear2``, … where the number is the layer l = 1 … N of the
    derivations; its parameters ``linear1.weight``, ``linear1.bias``, … The weights are drawn from ``rng``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: Sequence[int],
        n_classes: int,
        negative_slope: float,
        *,
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        layers: dict[str, Layer] = {}
        for number, (d_in, d_out) in enumerate(pairwise([n_inputs, *n_hidden, n_classes]), start=1):
            layers[f"linear{number}"] = Linear(d_in, d_out, rng=rng, dtype=dtype)
            if number <= len(n_hidden):
                layers[f"activation{number}"] = LeakyReLU(negative_slope)
        super().__init__(layers)
