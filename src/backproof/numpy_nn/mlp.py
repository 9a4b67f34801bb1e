"""The multi-layer perceptron: Linear → LeakyReLU for every hidden size, then a last Linear."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from backproof.numpy_nn.activations import LeakyReLU
from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.linear import Linear


class MLP:
    """Maps inputs (B, D) to logits (B, C); without hidden layers it is multinomial logistic regression.

    ``params`` and ``grads`` hold every layer's arrays under ``linear1.weight``, ``linear1.bias``, … where the
    number is the layer l = 1 … N of the derivations. They are the layers' own arrays: write into them
    (``params[name][...] = value``) and the network changes.
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
        sizes = [n_inputs, *n_hidden, n_classes]
        self.linears = [Linear(d_in, d_out, rng=rng, dtype=dtype) for d_in, d_out in pairwise(sizes)]
        self.activations = [LeakyReLU(negative_slope) for _ in n_hidden]
        self.params = {
            f"linear{number}.{name}": value
            for number, linear in enumerate(self.linears, start=1)
            for name, value in linear.params.items()
        }
        self.grads = {
            f"linear{number}.{name}": value
            for number, linear in enumerate(self.linears, start=1)
            for name, value in linear.grads.items()
        }

    def forward(self, x: Array) -> Array:
        """Map x (B, D) to logits (B, C)."""
        for linear, activation in zip(self.linears, self.activations, strict=False):
            x = activation.forward(linear.forward(x))
        return self.linears[-1].forward(x)

    def backward(self, dout: Array) -> Array:
        """Fill ``grads`` and return ∂L/∂x (B, D), given dout = ∂L/∂logits (B, C)."""
        return self.linears[0].backward(self._backward_to_first(dout))

    def backward_params(self, dout: Array) -> None:
        """Fill ``grads`` alone, as training needs them: ∂L/∂x would cost as much as the first ∂L/∂W."""
        self.linears[0].backward_params(self._backward_to_first(dout))

    def _backward_to_first(self, dout: Array) -> Array:
        """Go back through every layer but the first, to the gradient at the first layer's output."""
        for linear, activation in zip(self.linears[:0:-1], self.activations[::-1], strict=True):
            dout = activation.backward(linear.backward(dout))
        return dout
