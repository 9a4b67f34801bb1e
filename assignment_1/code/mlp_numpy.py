"""Question 1.2: the multi-layer perceptron in NumPy, ending in softmax."""

from modules import LeakyReLUModule, LinearModule, SoftMaxModule


class MLP:
    """Linear → LeakyReLU for each size in ``n_hidden`` (which may be empty), a last Linear, softmax."""

    def __init__(self, n_inputs, n_hidden, n_classes, neg_slope):
        self.layers = []
        for size in n_hidden:
            self.layers += [LinearModule(n_inputs, size), LeakyReLUModule(neg_slope)]
            n_inputs = size
        self.layers += [LinearModule(n_inputs, n_classes), SoftMaxModule()]

    def forward(self, x):
        """Map x (B, n_inputs) to class probabilities (B, n_classes)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        """Fill every layer's gradients, given the loss's gradient at the probabilities."""
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout
