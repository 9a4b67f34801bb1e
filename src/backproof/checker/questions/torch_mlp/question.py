"""Question 2: the multi-layer perceptron in PyTorch, check by check."""

from backproof.checker.outcome import Check
from backproof.checker.questions.accuracy import accuracy
from backproof.checker.questions.torch_mlp import network_checks

# fmt: off
TORCH_MLP = [
    Check("2/mlp.registered", 2, "the MLP is an nn.Module with registered parameters",
          network_checks.registered),
    Check("2/mlp.layers", 3, "it has the layers asked for, also none hidden", network_checks.layers),
    Check("2/mlp.no_hidden", 2, "its output without hidden layers", network_checks.no_hidden),
    Check("2/mlp.one_hidden", 3, "its output with one hidden layer", network_checks.one_hidden),
    Check("2/mlp.two_hidden", 3, "its output with two hidden layers", network_checks.two_hidden),
    Check("2/mlp.gradients", 5, "gradients arrive at every parameter, and are right",
          network_checks.gradients),
    Check("2/accuracy", 2, "accuracy of the training script", accuracy("train_mlp_pytorch", tensors=True)),
]
# fmt: on
