"""Read an image file of any format as a network's input."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from backproof.errors import DataError

_MODES = {1: "L", 3: "RGB"}
"""Pillow's names for grey and for colour, by the number of channels."""


def read_image(path: Path, channels: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return (channels, height, width) uint8: grey for one channel, colour for three.

    The image is cropped to its middle and scaled; transparent parts become white. Raises DataError.
    """
    if channels not in _MODES:
        raise DataError(f"the network takes images of {channels} channels, and a file's have 1 or 3")
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                upright = _eight_bits(ImageOps.exif_transpose(file)).convert("RGBA")
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image of a format that can be read; PNG and JPEG are") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{path} is too large for a picture; scale it down first") from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly anything when a file is damaged
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"cannot read the image {path}: {reason or type(error).__name__}") from None
    opaque = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    fitted = ImageOps.fit(opaque.convert(_MODES[channels]), (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(height, width, channels).transpose(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits down to 8, which Pillow's own conversion would cut off instead."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
