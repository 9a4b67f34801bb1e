"""The assignment's ConvNet in NumPy: the network that Table 1 describes."""

import numpy as np
import numpy.typing as npt

from backproof.convnet_plan import LINEAR_INPUTS, TABLE_1, MaxPool, takes_size
from backproof.numpy_nn.activations import ReLU
from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.batchnorm import BatchNorm
from backproof.numpy_nn.conv2d import Conv2d
from backproof.numpy_nn.flatten import Flatten
from backproof.numpy_nn.initialization import draw_uniform
from backproof.numpy_nn.linear import Linear
from backproof.numpy_nn.pooling import MaxPool2d
from backproof.numpy_nn.sequential import Layer, Sequential

__all__ = ["ConvNet"]


class ConvNet(Sequential):
    """Maps images (B, n_channels, H, V) to logits (B, n_classes): Table 1, then linear 512 → n_classes.

    Parameters and running statistics have the names of the PyTorch network, ``conv1.conv.weight``,
    ``conv1.norm.running_mean``, …, and weights start as PyTorch draws them by default, from ``rng``. Images
    of another size are a ValueError.
    """

    def __init__(
        self, n_channels: int, n_classes: int, *, rng: np.random.Generator, dtype: npt.DTypeLike = np.float64
    ) -> None:
        layers: dict[str, Layer] = {}
        for row in TABLE_1:
            if isinstance(row, MaxPool):
                layers[row.name] = MaxPool2d(kernel_size=3, stride=2, padding=1)
                continue
            channels_in = n_channels if row.name == "conv1" else row.channels_in
            layers[row.name] = Sequential(
                {
                    "conv": Conv2d(
                        channels_in,
                        row.channels_out,
                        kernel_size=3,
                        stride=1,
                        padding=1,
                        rng=rng,
                        dtype=dtype,
                    ),
                    "norm": BatchNorm(row.channels_out, dtype=dtype),
                    "relu": ReLU(),
                }
            )
        layers["flatten"] = Flatten()
        linear = layers["linear"] = Linear(LINEAR_INPUTS, n_classes, rng=rng, dtype=dtype)
        draw_uniform(linear.params["weight"], linear.params["bias"], rng)
        super().__init__(layers)

    def forward(self, x: Array) -> Array:
        """Map x (B, n_channels, H, V) to logits (B, n_classes)."""
        if x.ndim != 4 or not takes_size(x.shape[2:]):
            raise ValueError(
                f"ConvNet takes images (B, C, H, V) of 1 to 32 pixels a side, got shape {x.shape}"
            )
        return super().forward(x)
