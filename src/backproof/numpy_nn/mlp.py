"""The multi-layer perceptron: hidden layers, then a last Linear."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from backproof.numpy_nn.activations import LeakyReLU
from backproof.numpy_nn.batchnorm import BatchNorm
from backproof.numpy_nn.dropout import Dropout
from backproof.numpy_nn.initialization import draw_uniform
from backproof.numpy_nn.linear import Linear
from backproof.numpy_nn.sequential import Layer, Sequential

__all__ = ["MLP"]


class MLP(Sequential):
    """Linear → [batch norm →] LeakyReLU [→ dropout] for every hidden size, then a last Linear.

    Maps inputs (B, D) to logits (B, C); without hidden layers it is multinomial logistic regression. Its
    layers are ``linear1``, ``norm1``, ``activation1``, ``dropout1``, ``linear2``, … where the number is the
    layer l = 1 … N of the derivations; its parameters ``linear1.weight``, ``linear1.bias``, … ``norm`` says
    whether there is batch norm, ``dropout`` the fraction of each hidden layer's outputs that training drops,
    a function of ``dropout_seed`` and the step.

    ``initialization`` draws the weights from ``rng``: normal from N(0, 0.0001²), biases zero; uniform as
    PyTorch does (ValueError for anything else).
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: Sequence[int],
        n_classes: int,
        negative_slope: float,
        *,
        norm: bool = False,
        dropout: float = 0.0,
        dropout_seed: int = 0,
        initialization: str = "normal",
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        if initialization not in ("normal", "uniform"):
            raise ValueError(f"MLP: initialization is normal or uniform, not {initialization!r}")
        layers: dict[str, Layer] = {}
        for number, (d_in, d_out) in enumerate(pairwise([n_inputs, *n_hidden, n_classes]), start=1):
            linear = layers[f"linear{number}"] = Linear(d_in, d_out, rng=rng, dtype=dtype)
            if initialization == "uniform":
                draw_uniform(linear.params["weight"], linear.params["bias"], rng)
            if number > len(n_hidden):
                break
            if norm:
                layers[f"norm{number}"] = BatchNorm(d_out, dtype=dtype)
            layers[f"activation{number}"] = LeakyReLU(negative_slope)
            if dropout:
                layers[f"dropout{number}"] = Dropout(dropout, seed=(dropout_seed, number))
        super().__init__(layers)
