"""LeakyReLU, alone and behind batch norm, ReLU, and softmax; and PyTorch's."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from backproof.numpy_nn.activations import LeakyReLU, ReLU, Softmax
from backproof.proof.code.batchnorm import uncompiled_loops
from backproof.proof.equations.activations import p, x, y
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import SLOPE
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Torch
from backproof.torch_nn.batchnorm import formulas, loops


def make_leaky_relu(v: Sample) -> LeakyReLU:
    """Make a LeakyReLU with the sample's slope."""
    return LeakyReLU(float(v[SLOPE]))


def _leaky_relu_y(v: Sample) -> Iterator[Array]:
    yield make_leaky_relu(v).forward(v[x])
    yield formulas.activated(torch.tensor(v[x]), float(v[SLOPE])).numpy()
    for samples in _rows_and_planes(v[x]):
        activated = np.full_like(samples, np.nan)
        with uncompiled_loops():
            loops.normalise(samples, *_changing_nothing(v), 2, activated)
        yield activated.reshape(v[x].shape)


def _leaky_relu_dx(v: Sample) -> Iterator[Array]:
    layer = make_leaky_relu(v)
    layer.forward(v[x])
    yield layer.backward(v[grad(y)])
    yield formulas.before_activation(torch.tensor(v[grad(y)]), torch.tensor(v[x]), float(v[SLOPE])).numpy()
    nothing = np.zeros(v[x].shape[1])
    for samples, dy in zip(_rows_and_planes(v[x]), _rows_and_planes(v[grad(y)]), strict=True):
        dx = np.full_like(samples, np.nan)
        with uncompiled_loops():
            loops.input_gradient(samples, dy, *_changing_nothing(v), nothing, nothing, len(samples), 2, dx)
            yield dx.reshape(v[x].shape)
            # Over one sample, β's gradient is its own.
            ones = [(samples[s : s + 1], dy[s : s + 1]) for s in range(len(samples))]
            yield np.stack([loops.parameter_gradients(*one, *_changing_nothing(v), 1)[1] for one in ones])


def _rows_and_planes(samples: Array) -> tuple[Array, Array]:
    return samples, samples[:, :, None]


def _changing_nothing(v: Sample) -> tuple[object, ...]:
    """Return γ, β, ε, both parts of μ, and σ² that make batch norm x itself; and the activation's slope."""
    zeros = np.zeros(v[x].shape[1])
    return zeros + 1, zeros, 0.0, zeros, zeros, zeros + 1, float(v[SLOPE])


def _relu_dx(v: Sample) -> Array:
    layer = ReLU()
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
    "leaky_relu.y": _leaky_relu_y,
    "leaky_relu.dx": _leaky_relu_dx,
    "relu.y": lambda v: ReLU().forward(v[x]),
    "relu.dx": _relu_dx,
    "softmax.p": _softmax_p,
    "softmax.dx": _softmax_dx,
}
TORCH: dict[str, Torch] = {
    "leaky_relu": lambda v: {y: F.leaky_relu(v[x], v[SLOPE].item())},
    "relu": lambda v: {y: F.relu(v[x])},
    "softmax": lambda v: {p: v[x].softmax(1)},
}
