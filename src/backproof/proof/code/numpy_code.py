"""What the NumPy layers compute under each label."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.proof.code.layers import Layers
from backproof.proof.equations import activations, linear, losses, update
from backproof.proof.equations.letters import SLOPE
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import grad

Code = Callable[[Layers, Sample], Any]


def make_linear(layers: Layers, weight: Array, bias: Array) -> Any:
    """Make a Linear with these parameters."""
    made = layers.linear.Linear(weight.shape[1], weight.shape[0], rng=np.random.default_rng(0))
    made.params["weight"][...], made.params["bias"][...] = weight, bias
    return made


def _linear(layers: Layers, v: Sample) -> Any:
    return make_linear(layers, v[linear.W], v[linear.b])


def _linear_dx(layers: Layers, v: Sample) -> Array:
    layer = _linear(layers, v)
    layer.forward(v[linear.x])
    dx: Array = layer.backward(v[grad(linear.y)])
    return dx


def _linear_grad(name: str) -> Code:
    def code(layers: Layers, v: Sample) -> list[Array]:
        found = []
        for backward in ("backward", "backward_params"):
            layer = _linear(layers, v)
            layer.forward(v[linear.x])
            getattr(layer, backward)(v[grad(linear.y)])
            found.append(layer.grads[name])
        return found

    return code


def make_leaky_relu(layers: Layers, v: Sample) -> Any:
    """Make a LeakyReLU with the point's slope."""
    return layers.activations.LeakyReLU(float(v[SLOPE]))


def make_softmax(layers: Layers, _: Sample) -> Any:
    """Make a Softmax, which has no settings."""
    return layers.activations.Softmax()


def _leaky_relu_dx(layers: Layers, v: Sample) -> Array:
    layer = make_leaky_relu(layers, v)
    layer.forward(v[activations.x])
    dx: Array = layer.backward(v[grad(activations.y)])
    return dx


def _softmax_dx(layers: Layers, v: Sample) -> Array:
    layer = make_softmax(layers, v)
    layer.forward(v[activations.x])
    dx: Array = layer.backward(v[grad(activations.p)])
    return dx


def _cross_entropy_dp(layers: Layers, v: Sample) -> Array:
    layer = layers.losses.CrossEntropy()
    layer.forward(v[losses.p], v[losses.t])
    dp: Array = layer.backward()
    return dp


def _out_of_reach(x: Array) -> list[Array]:
    """Move scores to where exp overflows or vanishes, beside one more class that is out of the question.

    The other classes' probabilities stay as they are, if every row's largest score is what is taken off.
    """
    return [np.pad(x + move, ((0, 0), (0, 1)), constant_values=move - 2000) for move in (1000, -1000)]


def _softmax_p(layers: Layers, v: Sample) -> list[Array]:
    x, layer = v[activations.x], make_softmax(layers, v)
    return [layer.forward(x), *(layer.forward(each)[:, :-1] for each in _out_of_reach(x))]


def _fused_loss(layers: Layers, v: Sample) -> list[Array]:
    x, layer = v[losses.x], layers.losses.SoftmaxCrossEntropy()
    return [layer.forward(each, v[losses.c]) for each in (x, *_out_of_reach(x))]


def _fused_dx(layers: Layers, v: Sample) -> list[Array]:
    x, found = v[losses.x], []
    for each in (x, *_out_of_reach(x)):
        layer = layers.losses.SoftmaxCrossEntropy()
        layer.forward(each, v[losses.c])
        found.append(layer.backward()[:, : x.shape[1]])
    return found


def _batch_loss(layers: Layers, v: Sample) -> Array:
    """Give every sample the loss that it has in the batch: one class of two, with probability exp(−L_s)."""
    p = np.exp(-np.abs(v[losses.losses]))
    p = np.stack([p, 1 - p], axis=1)
    t = np.stack([np.sign(v[losses.losses]), np.zeros(len(p))], axis=1)
    loss: Array = layers.losses.CrossEntropy().forward(p, t)
    return loss


def _batch_share(layers: Layers, v: Sample) -> Array:
    """Divide each sample's gradient in the batch by the one it has alone."""
    n = len(v[losses.losses])
    p, t = np.full((n, 1), 0.5), np.ones((n, 1))
    batch, alone = layers.losses.CrossEntropy(), layers.losses.CrossEntropy()
    batch.forward(p, t)
    alone.forward(p[:1], t[:1])
    share: Array = batch.backward()[:, 0] / alone.backward()[0, 0]
    return share


def _sgd_step(layers: Layers, v: Sample) -> Array:
    params, grads = {"w": v[update.w].copy()}, {"w": v[grad(update.w)].copy()}
    layers.sgd.SGD(params, grads, float(v[update.ETA])).step()
    return params["w"]


CODE: dict[str, Code] = {
    "linear.y": lambda layers, v: _linear(layers, v).forward(v[linear.x]),
    "linear.dx": _linear_dx,
    "linear.dW": _linear_grad("weight"),
    "linear.db": _linear_grad("bias"),
    "leaky_relu.y": lambda layers, v: make_leaky_relu(layers, v).forward(v[activations.x]),
    "leaky_relu.dx": _leaky_relu_dx,
    "softmax.p": _softmax_p,
    "softmax.dx": _softmax_dx,
    "batch.loss": _batch_loss,
    "batch.share": _batch_share,
    "cross_entropy.loss": lambda layers, v: layers.losses.CrossEntropy().forward(v[losses.p], v[losses.t]),
    "cross_entropy.dp": _cross_entropy_dp,
    "softmax_cross_entropy.loss": _fused_loss,
    "softmax_cross_entropy.dx": _fused_dx,
    "sgd.step": _sgd_step,
}
"""What the code computes under each label: an array, or several that should all be the same."""
