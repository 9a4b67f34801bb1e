"""Right layers whose backward pass reads named arrays, any two of which can be exchanged by name.

NumPy alone, so that the sandbox can import it.
"""
# ruff: noqa: ARG002, RUF012 - a backward pass names all arrays that it is given; classes are written as users do

import numpy as np


class Layer:
    """``forward`` keeps ``arrays``; ``gradients`` makes dx and the parameters' gradients of all arrays."""

    example = (), (3, 4)
    shapes = {}
    exchanged = ()

    def __init__(self):
        rng = np.random.default_rng(99)
        self.params = {name: rng.normal(size=shape) for name, shape in self.shapes.items()}
        self.grads = {}

    def forward(self, x, *targets):
        self.arrays = {"x": x, **self.kept(x, *targets, **self.params)}
        return self.arrays["y"]

    def backward(self, dout):
        arrays = {**self.arrays, **self.params, "dout": dout}
        if self.exchanged:
            one, other = self.exchanged
            arrays[one], arrays[other] = arrays[other], arrays[one]
        dx, self.grads = self.gradients(**arrays)
        return dx


class Relu(Layer):
    def kept(self, x):
        return {"y": np.where(x > 0, x, 0)}

    def gradients(self, x, y, dout):
        return dout * (x > 0), {}


class Sigmoid(Layer):
    def kept(self, x):
        return {"y": 1 / (1 + np.exp(-x))}

    def gradients(self, x, y, dout):
        return dout * y * (1 - y), {}


class Tanh(Layer):
    def kept(self, x):
        return {"y": np.tanh(x)}

    def gradients(self, x, y, dout):
        return dout * (1 - y**2), {}


class Square(Layer):
    def kept(self, x):
        return {"y": x**2}

    def gradients(self, x, y, dout):
        return 2 * x * dout, {}


class Softmax(Layer):
    def kept(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return {"y": e / e.sum(axis=1, keepdims=True)}

    def gradients(self, x, y, dout):
        return y * (dout - (y * dout).sum(axis=1, keepdims=True)), {}


class Directions(Layer):
    """x / |x|, row by row."""

    def kept(self, x):
        return {"y": x / np.sqrt((x**2).sum(axis=1, keepdims=True))}

    def gradients(self, x, y, dout):
        length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        return (dout - y * (y * dout).sum(axis=1, keepdims=True)) / length, {}


class BatchNorm(Layer):
    shapes = {"gamma": (4,), "beta": (4,)}
    axis = 0

    def statistics(self, x):
        return x.mean(self.axis, keepdims=True), np.sqrt(x.var(self.axis, keepdims=True) + 1e-3)

    def kept(self, x, gamma, beta):
        mean = x.mean(self.axis, keepdims=True)
        sigma = np.sqrt(((x - mean) ** 2).mean(self.axis, keepdims=True) + 1e-3)
        return {"y": gamma * (x - mean) / sigma + beta}

    def gradients(self, x, y, gamma, beta, dout):
        mean, sigma = self.statistics(x)
        normal = (x - mean) / sigma
        d = dout * gamma
        projected = normal * (d * normal).mean(self.axis, keepdims=True)
        dx = (d - d.mean(self.axis, keepdims=True) - projected) / sigma
        return dx, {"gamma": (dout * normal).sum(0), "beta": dout.sum(0)}


class BatchNormFromY(BatchNorm):
    """Takes the normalised x from y, γ and β."""

    def gradients(self, x, y, gamma, beta, dout):
        _, sigma = self.statistics(x)
        normal, d = (y - beta) / gamma, dout * gamma
        projected = normal * (d * normal).mean(self.axis, keepdims=True)
        dx = (d - d.mean(self.axis, keepdims=True) - projected) / sigma
        return dx, {"gamma": (dout * normal).sum(0), "beta": dout.sum(0)}


class LayerNorm(BatchNorm):
    axis = 1


class Affine(Layer):
    """γ x + β, with an x of γ's shape."""

    example = (), (3,)
    shapes = {"gamma": (3,), "beta": (3,)}

    def kept(self, x, gamma, beta):
        return {"y": gamma * x + beta}

    def gradients(self, x, y, gamma, beta, dout):
        return gamma * dout, {"gamma": x * dout, "beta": dout}


class SquareLinear(Layer):
    """x Wᵀ + b where x, W, y and dout are all 2×2, and so is what is added."""

    example = (), (2, 2)
    shapes = {"weight": (2, 2), "bias": (2, 2)}

    def kept(self, x, weight, bias):
        return {"y": x @ weight.T + bias}

    def gradients(self, x, y, weight, bias, dout):
        return dout @ weight, {"weight": dout.T @ x, "bias": dout}


class Gate(Layer):
    """x ⊙ σ(x W)."""

    example = (), (2, 2)
    shapes = {"weight": (2, 2)}

    def kept(self, x, weight):
        gate = 1 / (1 + np.exp(-(x @ weight)))
        return {"gate": gate, "y": x * gate}

    def gradients(self, x, gate, y, weight, dout):
        d = dout * x * gate * (1 - gate)
        return dout * gate + d @ weight.T, {"weight": x.T @ d}


class Squares(Layer):
    """The loss Σ (x − targets)² x / B."""

    example = (), (3, 4), (3, 4)

    def forward(self, x, targets):
        return ((x - targets) ** 2 * x).sum() / len(x)

    def backward(self, x, targets):
        arrays = {"x": x, "targets": targets}
        if self.exchanged:
            arrays = {"x": targets, "targets": x}
        return self.gradients(**arrays)

    def gradients(self, x, targets):
        return ((x - targets) ** 2 + 2 * (x - targets) * x) / len(x)


LAYERS = [
    Relu, Sigmoid, Tanh, Square, Softmax, Directions, BatchNorm, BatchNormFromY, LayerNorm, Affine,
    SquareLinear, Gate, Squares,
]  # fmt: skip


# Wrong: these read dout where they should read x, and are right where dout equals x.


class ReluOfDout(Relu):
    def gradients(self, x, y, dout):
        return dout * (dout > 0), {}


class SigmoidAtDout(Sigmoid):
    def gradients(self, x, y, dout):
        return super().gradients(x, self.kept(dout)["y"], dout)


class SoftmaxAtDout(Softmax):
    def gradients(self, x, y, dout):
        return super().gradients(x, self.kept(dout)["y"], dout)


class SquareOfDout(Square):
    def gradients(self, x, y, dout):
        return 2 * dout**2, {}


class DirectionsWithoutLength(Directions):
    def gradients(self, x, y, dout):
        return -3 * (dout - y * (y * dout).sum(axis=1, keepdims=True)), {}


class BatchNormOfDout(BatchNorm):
    def gradients(self, x, y, gamma, beta, dout):
        return super().gradients(dout, y, gamma, beta, dout)


WRONG = [
    ReluOfDout, SigmoidAtDout, SoftmaxAtDout, SquareOfDout, DirectionsWithoutLength, BatchNormOfDout,
]  # fmt: skip
