"""Question 4: the ConvNet of Table 1. It ends in logits: torch's loss has the softmax."""

from backproof.torch_nn import convnet


class ConvNet(convnet.ConvNet):
    """Maps images (B, n_channels, 32, 32) to logits (B, n_classes); batch norm is the hand-written one."""

    def __init__(self, n_channels, n_classes):
        super().__init__(n_channels, n_classes)
