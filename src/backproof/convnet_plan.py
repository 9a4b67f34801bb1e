"""The assignment's ConvNet, a small VGG, as data: what numpy_nn and torch_nn build their network from."""

from collections.abc import Sequence
from typing import NamedTuple


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
"""A network for images of ``n`` channels has ``n`` in the place of conv1's 3."""
IMAGE_SIZE = (32, 32)
"""Height and width of the images that the network is for. Training may start with smaller ones."""
LINEAR_INPUTS = 512
"""Five times halved, and rounded up, 32 pixels or fewer are one, of 512 channels; a linear layer follows."""


def takes_size(size: Sequence[int]) -> bool:
    """Tell whether five poolings make one pixel of images of this (height, width)."""
    return all(1 <= pixels <= most for pixels, most in zip(size, IMAGE_SIZE, strict=True))
