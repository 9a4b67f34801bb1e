"""LeakyReLU and Softmax, and PyTorch's."""

from collections.abc import Iterator

import numpy as np
from torch.nn import functional as F

from backproof.numpy_nn.activations import LeakyReLU, Softmax
from backproof.proof.equations.activations import p, x, y
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import SLOPE
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Torch


def make_leaky_relu(v: Sample) -> LeakyReLU:
    """Make a LeakyReLU with the sample's slope."""
    return LeakyReLU(float(v[SLOPE]))


def _leaky_relu_dx(v: Sample) -> Array:
    layer = make_leaky_relu(v)
    layer.forward(v[x])
    return layer.backward(v[grad(y)])


def beyond_exp(scores: Array) -> list[Array]:
    """Shift scores to where exp overflows or vanishes, and add one class that has no probability there.

    The other classes' probabilities do not change, if every row's largest score is subtracted.
    """
    return [np.pad(scores + shift, ((0, 0), (0, 1)), constant_values=shift - 2000) for shift in (1000, -1000)]


def _softmax_p(v: Sample) -> Iterator[Array]:
    layer = Softmax()
    yield layer.forward(v[x])
    for scores in beyond_exp(v[x]):
        yield layer.forward(scores)[:, :-1]


def _softmax_dx(v: Sample) -> Array:
    layer = Softmax()
    layer.forward(v[x])
    return layer.backward(v[grad(p)])


CODE: dict[str, Code] = {
    "leaky_relu.y": lambda v: make_leaky_relu(v).forward(v[x]),
    "leaky_relu.dx": _leaky_relu_dx,
    "softmax.p": _softmax_p,
    "softmax.dx": _softmax_dx,
}
TORCH: dict[str, Torch] = {
    "leaky_relu": lambda v: {y: F.leaky_relu(v[x], v[SLOPE].item())},
    "softmax": lambda v: {p: v[x].softmax(1)},
}
