"""A multi-layer perceptron in NumPy alone, every gradient written by hand.

Every layer has ``forward`` and ``backward``. ``forward`` remembers what ``backward`` needs: a reference to
its input, not a copy, so leave that array alone in between. ``backward`` takes the loss's gradient at the
output and returns the one at the input; gradients of parameters go into ``grads``, overwriting what the
arrays held. Arrays handed in are never written to. Wrong shapes raise ValueError, wrong dtypes TypeError,
``backward`` before ``forward`` RuntimeError.

Each formula in a docstring starts with its label (``linear.dW``): the derivations, their proofs and
the tests use the same labels.
"""

from backproof.numpy_nn.activations import LeakyReLU, Softmax
from backproof.numpy_nn.linear import Linear
from backproof.numpy_nn.losses import CrossEntropy, SoftmaxCrossEntropy, one_hot
from backproof.numpy_nn.mlp import MLP
from backproof.numpy_nn.optimizers import SGD

__all__ = [
    "MLP",
    "SGD",
    "CrossEntropy",
    "LeakyReLU",
    "Linear",
    "Softmax",
    "SoftmaxCrossEntropy",
    "one_hot",
]
