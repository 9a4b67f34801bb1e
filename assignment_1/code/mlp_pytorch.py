"""Question 2: the multi-layer perceptron in PyTorch. It ends in logits: torch's loss has the softmax."""

from backproof.torch_nn import mlp


class MLP(mlp.MLP):
    """Linear → LeakyReLU for each size in ``n_hidden`` (which may be empty), then a last Linear.

    Maps x (B, n_inputs) to logits (B, n_classes). Weights start as PyTorch has them by default;
    train_mlp_pytorch.py sets them to those of the NumPy MLP.
    """

    def __init__(self, n_inputs, n_hidden, n_classes, neg_slope):
        super().__init__(n_inputs, n_hidden, n_classes, neg_slope)
