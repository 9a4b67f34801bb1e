"""Question 1.2: the layers, under the assignment's names. The formulas live in backproof.numpy_nn."""

import numpy as np

from backproof.numpy_nn import CrossEntropy, LeakyReLU, Linear, Softmax


class LinearModule(Linear):
    """x̃ = x Wᵀ + b: ``params`` and ``grads`` with 'weight' (out, in) and 'bias' (out,), in float64."""

    def __init__(self, in_features, out_features):
        # Drawn from NumPy's global generator, so that np.random.seed decides, as in the scripts.
        rng = np.random.default_rng(np.random.randint(2**32, dtype=np.uint32))
        super().__init__(in_features, out_features, rng=rng, scale=1e-4)

    def forward(self, x):
        """Map x (B, in) to (B, out); float32 images are converted to the parameters' dtype."""
        return super().forward(np.asarray(x, self.params["weight"].dtype))

    def backward(self, dout):
        """Fill ``grads`` with new arrays, so that earlier gradients stay unchanged; return dx (B, in)."""
        self.grads = {name: np.empty_like(param) for name, param in self.params.items()}
        return super().backward(np.asarray(dout, self.params["weight"].dtype))


class LeakyReLUModule(LeakyReLU):
    """max(0, x̃) + a · min(0, x̃) with a = neg_slope."""

    def __init__(self, neg_slope):
        super().__init__(neg_slope)


class ReLUModule(LeakyReLU):
    """The 2018 edition's activation: slope 0."""

    def __init__(self):
        super().__init__(0.0)


class SoftMaxModule(Softmax):
    """exp(x̃_i) / Σ_k exp(x̃_k), with the max trick."""


class CrossEntropyModule:
    """The batch mean of −Σ_i y_i log x_i, for probabilities x and one-hot y, both (B, C).

    Where a probability has underflowed to zero, the smallest normal number stands for it.
    """

    def forward(self, x, y):
        """Return the loss, a scalar."""
        return CrossEntropy().forward(x, np.asarray(y, x.dtype))

    def backward(self, x, y):
        """Return the gradient at x, (B, C)."""
        loss = CrossEntropy()
        loss.forward(x, np.asarray(y, x.dtype))
        return loss.backward()
