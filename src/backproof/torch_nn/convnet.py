"""The assignment's ConvNet, a small VGG: Table 1 as data, and the network that it describes."""

from typing import NamedTuple

from torch import Tensor, nn

from backproof.torch_nn.conv2d import Conv2d
from backproof.torch_nn.layers_in_a_row import Block
from backproof.torch_nn.make_batch_norm import make_batch_norm


class Conv(NamedTuple):
    """A convolution, kernel 3 × 3, stride 1, padding 1, followed by batch norm and ReLU."""

    name: str
    channels_in: int
    channels_out: int


class MaxPool(NamedTuple):
    """A maximum over 3 × 3 pixels, stride 2, padding 1: so height and width are halved."""

    name: str


TABLE_1 = (
    Conv("conv1", 3, 64),
    MaxPool("maxpool1"),
    Conv("conv2", 64, 128),
    MaxPool("maxpool2"),
    Conv("conv3_a", 128, 256),
    Conv("conv3_b", 256, 256),
    MaxPool("maxpool3"),
    Conv("conv4_a", 256, 512),
    Conv("conv4_b", 512, 512),
    MaxPool("maxpool4"),
    Conv("conv5_a", 512, 512),
    Conv("conv5_b", 512, 512),
    MaxPool("maxpool5"),
)  # fmt: skip
IMAGE_SIZE = (32, 32)
"""Height and width of the images that the network takes."""
LINEAR_INPUTS = 512
"""Five times halved, 32 × 32 pixels are one, of 512 channels."""


class ConvNet(nn.Module):
    """Maps images (B, n_channels, 32, 32) to logits (B, n_classes): Table 1, then linear 512 → n_classes.

    ``n_channels`` stands for the 3 of conv1. ``norm`` is manual, autograd or native. Weights start as PyTorch
    has them by default. Images of another size are a ValueError.
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
        """Map x (B, n_channels, 32, 32) to logits (B, n_classes)."""
        if x.ndim != 4 or x.shape[2:] != IMAGE_SIZE:
            raise ValueError(f"ConvNet takes images (B, C, 32, 32), got shape {tuple(x.shape)}")
        for layer in self.children():
            x = layer(x)
        return x
