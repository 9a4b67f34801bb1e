"""A multi-layer perceptron in NumPy alone, every gradient written by hand.

Each formula in a docstring starts with its label (``linear.dW``): the derivations, their proofs and
the tests use the same labels.
"""

from backproof.numpy_nn.activations import LeakyReLU, Softmax
from backproof.numpy_nn.linear import Linear
from backproof.numpy_nn.losses import CrossEntropy, SoftmaxCrossEntropy, one_hot
from backproof.numpy_nn.mlp import MLP
from backproof.numpy_nn.module import Module
from backproof.numpy_nn.sgd import SGD

__all__ = [
    "MLP",
    "SGD",
    "CrossEntropy",
    "LeakyReLU",
    "Linear",
    "Module",
    "Softmax",
    "SoftmaxCrossEntropy",
    "one_hot",
]
