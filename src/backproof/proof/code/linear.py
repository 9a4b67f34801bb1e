"""Linear, and PyTorch's."""

from collections.abc import Iterator

import numpy as np
from torch.nn import functional as F

from backproof.numpy_nn.linear import Linear
from backproof.proof.equations.linear import W, b, x, y
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Torch


def make_linear(weight: Array, bias: Array) -> Linear:
    """Make a Linear with these parameters."""
    layer = Linear(weight.shape[1], weight.shape[0], rng=np.random.default_rng(0))
    layer.params["weight"][...], layer.params["bias"][...] = weight, bias
    return layer


def _dx(v: Sample) -> Array:
    layer = make_linear(v[W], v[b])
    layer.forward(v[x])
    return layer.backward(v[grad(y)])


def _parameter_gradient(name: str) -> Code:
    def code(v: Sample) -> Iterator[Array]:
        for backward in ("backward", "backward_params"):
            layer = make_linear(v[W], v[b])
            layer.forward(v[x])
            getattr(layer, backward)(v[grad(y)])
            yield layer.grads[name]

    return code


CODE: dict[str, Code] = {
    "linear.y": lambda v: make_linear(v[W], v[b]).forward(v[x]),
    "linear.dx": _dx,
    "linear.dW": _parameter_gradient("weight"),
    "linear.db": _parameter_gradient("bias"),
}
TORCH: dict[str, Torch] = {"linear": lambda v: {y: F.linear(v[x], v[W], v[b])}}
