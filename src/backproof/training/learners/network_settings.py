"""What an MLP and a ConvNet can be trained with, whichever framework computes them."""

from collections.abc import Mapping

from backproof.arrays import Array
from backproof.convnet_plan import IMAGE_SIZE
from backproof.errors import ConfigError
from backproof.training.config import TrainConfig


def require_mlp_settings(config: TrainConfig) -> None:
    """Refuse settings of which an MLP can make nothing (ConfigError)."""
    acts_on_hidden = config.batch_norm != "none" or config.dropout or config.initialization == "local"
    if not config.hidden and acts_on_hidden:
        raise ConfigError(
            "batch_norm, dropout and initialization local act on hidden layers, and there is none; "
            "leave them out"
        )
    if config.batch_norm == "none" and config.norm_bias_rate != 1:
        raise ConfigError("norm_bias_rate acts on batch norms, and there is none; leave it out")
    if config.batch_norm != "none" and config.batch_size == 1:
        raise ConfigError("batch norm has nothing to average in a batch of one; choose batch_size 2 or more")


def hidden_weights(params: Mapping[str, Array]) -> list[Array]:
    """Return the weights (M, D) of an MLP's hidden layers, from input to output."""
    return [param for name, param in params.items() if param.ndim == 2][:-1]


def later_convolutions(params: Mapping[str, Array]) -> list[Array]:
    """Return the weights (M, C, k, k) of a ConvNet's convolutions after the first."""
    return [param for param in params.values() if param.ndim == 4][1:]


def require_convnet_settings(config: TrainConfig, image_shape: tuple[int, ...]) -> None:
    """Refuse images of another size than IMAGE_SIZE, and settings that leave batch norm out or nothing to do.

    Raises ConfigError.
    """
    if image_shape[1:] != IMAGE_SIZE:
        size, expected = (" × ".join(map(str, shape)) for shape in (image_shape[1:], IMAGE_SIZE))
        raise ConfigError(f"the ConvNet takes images of {expected} pixels, not {size}; an MLP takes any size")
    if config.batch_norm == "none":
        raise ConfigError(
            "the ConvNet has batch norm after every convolution: batch_norm is manual, or another but none"
        )
    if config.batch_size == 1 and config.image_sizes:
        raise ConfigError(
            "batch norm has nothing to average in a batch of one small image; choose batch_size 2 or more"
        )
