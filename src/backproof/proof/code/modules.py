"""The NumPy layers for one sample: each module's own derivatives, and the chain through them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from backproof.numpy_nn.activations import Softmax
from backproof.numpy_nn.linear import Linear
from backproof.numpy_nn.losses import CrossEntropy
from backproof.proof.code.activations import make_leaky_relu
from backproof.proof.code.linear import make_linear
from backproof.proof.code.losses import cross_entropy
from backproof.proof.equations.modules import (
    W,
    W_next,
    b,
    b_next,
    p,
    scores,
    t,
    x_in,
    x_out,
    z,
    z_next,
)
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import LOSS, SLOPE
from backproof.proof.formula.notation import Symbol, grad
from backproof.proof.signatures import Code, Tensors, Torch


def _linear(v: Sample) -> Linear:
    return make_linear(v[W], v[b])


def _next_linear(v: Sample) -> Linear:
    return make_linear(v[W_next], v[b_next])


def _softmax(_: Sample) -> Softmax:
    return Softmax()


def _jacobian(make: Callable[[Sample], Any], x: Symbol) -> Code:
    """Return a layer's ∂output/∂input for one sample, by its backward pass of every unit vector."""

    def code(v: Sample) -> Array:
        layer = make(v)
        n = layer.forward(v[x][None]).shape[1]
        return np.concatenate([layer.backward(row[None]) for row in np.eye(n)])

    return code


def _linear_jacobian(name: str) -> Code:
    def code(v: Sample) -> Array:
        layer, rows = _linear(v), []
        for row in np.eye(len(v[b])):
            layer.forward(v[x_in][None])
            layer.backward_params(row[None])
            rows.append(layer.grads[name].copy())
        return np.stack(rows)

    return code


def _linear_gradient(name: str) -> Code:
    def code(v: Sample) -> Array:
        layer = _linear(v)
        layer.forward(v[x_in][None])
        layer.backward(v[grad(z)][None])
        return layer.grads[name]

    return code


def _input_gradient(make: Callable[[Sample], Any], x: Symbol, output: Symbol) -> Code:
    """Return what a layer's backward pass makes of ∂L/∂output for one sample."""

    def code(v: Sample) -> Array:
        layer = make(v)
        layer.forward(v[x][None])
        dx: Array = layer.backward(v[grad(output)][None])[0]
        return dx

    return code


def _loss_gradient(v: Sample) -> Array:
    layer = CrossEntropy()
    layer.forward(v[p][None], v[t][None])
    dp: Array = layer.backward()[0]
    return dp


CODE: dict[str, Code] = {
    "layer.linear": lambda v: _linear(v).forward(v[x_in][None])[0],
    "layer.leaky_relu": lambda v: make_leaky_relu(v).forward(v[z][None])[0],
    "layer.softmax": lambda v: Softmax().forward(v[scores][None])[0],
    "layer.loss": lambda v: CrossEntropy().forward(v[p][None], v[t][None]),
    "jacobian.loss": _loss_gradient,
    "jacobian.softmax": _jacobian(_softmax, scores),
    "jacobian.leaky_relu": _jacobian(make_leaky_relu, z),
    "jacobian.linear_x": _jacobian(_linear, x_in),
    "jacobian.linear_W": _linear_jacobian("weight"),
    "jacobian.linear_b": _linear_jacobian("bias"),
    "chain.softmax": _input_gradient(_softmax, scores, p),
    "chain.leaky_relu": _input_gradient(make_leaky_relu, z, x_out),
    "chain.linear_x": _input_gradient(_next_linear, x_out, z_next),
    "chain.linear_W": _linear_gradient("weight"),
    "chain.linear_b": _linear_gradient("bias"),
}


def _layer(v: Tensors) -> Tensors:
    before: Tensor = v[z] if z in v else F.linear(v[x_in], v[W], v[b])
    after: Tensor = v[x_out] if x_out in v else F.leaky_relu(before, v[SLOPE].item())
    return {z: before, x_out: after, z_next: F.linear(after, v[W_next], v[b_next])}


TORCH: dict[str, Torch] = {
    "layer": _layer,
    "output": lambda v: {p: v[scores].softmax(0)},
    "loss": lambda v: {LOSS: cross_entropy(v[p], v[t])},
}
