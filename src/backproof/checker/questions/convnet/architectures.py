"""Table 1 as a sequence of operations."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LayerSpec:
    """One layer. ``number`` counts convolutions or poolings; norm and relu bear their convolution's."""

    kind: str
    """conv, norm, relu or pool."""
    number: int
    taken: Literal["maximum", "mean", "mean of pixels alone"] = "maximum"
    """Of a pooling; the last one leaves out the padding."""
    padded_with: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"
    slope: float = 0.0
    """Of relu, where negative."""
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    ceil: bool = False


Architecture = tuple[LayerSpec, ...]
WIDTHS = ((3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512))
CONVS = ("conv1", "conv2", "conv3_a", "conv3_b", "conv4_a", "conv4_b", "conv5_a", "conv5_b")
POOLS_AFTER = (0, 1, 3, 5, 7)
"""The convolutions that a pooling follows."""
LINEAR_INPUTS = 512


def _block(number: int) -> list[LayerSpec]:
    return [LayerSpec("conv", number), LayerSpec("norm", number), LayerSpec("relu", number)]


def table_1() -> Architecture:
    """Return the architecture as it should be."""
    architecture: list[LayerSpec] = []
    for number in range(len(CONVS)):
        architecture += _block(number)
        if number in POOLS_AFTER:
            architecture.append(LayerSpec("pool", POOLS_AFTER.index(number), stride=2))
    return tuple(architecture)


def size_after(architecture: Architecture, size: int) -> int:
    """Return height and width after the architecture, 0 if something does not fit in."""
    for layer in architecture:
        if layer.kind in ("conv", "pool"):
            room = size + 2 * layer.padding - layer.kernel + (layer.stride - 1 if layer.ceil else 0)
            starts = room // layer.stride + 1 if room >= 0 else 0
            # No window begins beyond the pixels and the padding on their left.
            size = starts - (layer.ceil and (starts - 1) * layer.stride >= size + layer.padding)
    return size
