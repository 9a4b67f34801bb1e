"""What the NumPy layers compute for one sample: each module's own derivatives, and the chain through them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.proof.code.layers import Layers
from backproof.proof.code.numpy_code import Code, make_leaky_relu, make_linear, make_softmax
from backproof.proof.equations import modules
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import grad


def _jacobian(layer: Any, x: Array) -> Array:
    """Return a layer's ∂output/∂input for one sample, by its backward pass of every unit vector."""
    n = layer.forward(x[None]).shape[1]
    return np.concatenate([layer.backward(row[None]) for row in np.eye(n)])


def _layer(layers: Layers, v: Sample) -> Any:
    return make_linear(layers, v[modules.W], v[modules.b])


def _linear_jacobian(name: str) -> Code:
    def code(layers: Layers, v: Sample) -> Array:
        layer, rows = _layer(layers, v), []
        for row in np.eye(len(v[modules.b])):
            layer.forward(v[modules.x_in][None])
            layer.backward_params(row[None])
            rows.append(layer.grads[name].copy())
        return np.stack(rows)

    return code


def _of_layer(name: str) -> Code:
    def code(layers: Layers, v: Sample) -> Array:
        layer = _layer(layers, v)
        layer.forward(v[modules.x_in][None])
        layer.backward(v[grad(modules.z)][None])
        gradient: Array = layer.grads[name]
        return gradient

    return code


def _through(make: Callable[[Layers, Sample], Any], x: Any, dout: Any) -> Code:
    """Return what a layer's backward pass makes of ∂L/∂output for one sample."""

    def code(layers: Layers, v: Sample) -> Array:
        layer = make(layers, v)
        layer.forward(v[x][None])
        dx: Array = layer.backward(v[grad(dout)][None])[0]
        return dx

    return code


def _loss_of_one(layers: Layers, v: Sample) -> Any:
    layer = layers.losses.CrossEntropy()
    return layer, layer.forward(v[modules.p][None], v[modules.t][None])


def _next_layer(layers: Layers, v: Sample) -> Any:
    return make_linear(layers, v[modules.W_next], v[modules.b_next])


CODE: dict[str, Code] = {
    "layer.linear": lambda layers, v: _layer(layers, v).forward(v[modules.x_in][None])[0],
    "layer.leaky_relu": lambda layers, v: make_leaky_relu(layers, v).forward(v[modules.z][None])[0],
    "layer.softmax": lambda layers, v: make_softmax(layers, v).forward(v[modules.scores][None])[0],
    "layer.loss": lambda layers, v: _loss_of_one(layers, v)[1],
    "jacobian.loss": lambda layers, v: _loss_of_one(layers, v)[0].backward()[0],
    "jacobian.softmax": lambda layers, v: _jacobian(make_softmax(layers, v), v[modules.scores]),
    "jacobian.leaky_relu": lambda layers, v: _jacobian(make_leaky_relu(layers, v), v[modules.z]),
    "jacobian.linear_x": lambda layers, v: _jacobian(_layer(layers, v), v[modules.x_in]),
    "jacobian.linear_W": _linear_jacobian("weight"),
    "jacobian.linear_b": _linear_jacobian("bias"),
    "chain.softmax": _through(make_softmax, modules.scores, modules.p),
    "chain.leaky_relu": _through(make_leaky_relu, modules.z, modules.x_out),
    "chain.linear_x": _through(_next_layer, modules.x_out, modules.z_next),
    "chain.linear_W": _of_layer("weight"),
    "chain.linear_b": _of_layer("bias"),
}
"""What the code computes under each label: an array, or several that should all be the same."""
