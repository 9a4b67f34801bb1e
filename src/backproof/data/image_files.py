"""Read a picture of any format as a network's input."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from backproof.errors import DataError


def read_image(path: Path, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return (3, height, width), cut to the middle and scaled; transparent parts become white (DataError)."""
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
    opaque = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    fitted = ImageOps.fit(opaque, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted).transpose(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits down to 8, which Pillow's own conversion would cut off instead."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
