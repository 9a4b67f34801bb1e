"""The assignment's ConvNet in PyTorch: the network that Table 1 describes."""

from torch import Tensor, nn

from backproof.convnet_plan import LINEAR_INPUTS, TABLE_1, MaxPool, takes_size
from backproof.torch_nn.conv2d import Conv2d
from backproof.torch_nn.layers_in_a_row import Block
from backproof.torch_nn.make_batch_norm import make_batch_norm


class ConvNet(nn.Module):
    """Maps images (B, n_channels, H, V) to logits (B, n_classes): Table 1, then linear 512 → n_classes.

    ``n_channels`` stands for the 3 of conv1. ``norm`` is manual, autograd or native. Weights start as PyTorch
    has them by default. Images of more than 32 pixels a side are a ValueError.
    """

    def __init__(self, n_channels: int, n_classes: int, *, norm: str = "manual") -> None:
        super().__init__()
        for row in TABLE_1:
            if isinstance(row, MaxPool):
                self.add_module(row.name, nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
                continue
            channels_in = n_channels if row.name == "conv1" else row.channels_in
            block = Block()
            block.add_module(
                "conv", Conv2d(channels_in, row.channels_out, kernel_size=3, stride=1, padding=1)
            )
            block.add_module("norm", make_batch_norm(norm, row.channels_out, spatial=True))
            block.add_module("relu", nn.ReLU())
            self.add_module(row.name, block)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(LINEAR_INPUTS, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, n_channels, H, V) to logits (B, n_classes)."""
        if x.ndim != 4 or not takes_size(x.shape[2:]):
            raise ValueError(
                f"ConvNet takes images (B, C, H, V) of 1 to 32 pixels a side, got shape {tuple(x.shape)}"
            )
        for layer in self.children():
            x = layer(x)
        return x
