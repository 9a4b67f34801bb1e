"""What of augmentation a run asks for, checked against the images that it is to work on."""

from collections.abc import Sequence
from dataclasses import dataclass

from backproof.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of training images that leave their class as it is; by default none.

    Images are centred first, so every zero that comes in is the mean image.
    """

    crop_padding: int = 0
    """Crop to the old size after padding by so many pixels: a shift by −p … +p in each direction."""
    flip: bool = False
    """Mirror left and right: a random half of the images in the first epoch, the others in the next, and so
    on (alternating flip: Jordan, arXiv 2404.00498)."""
    cutout: int = 0
    """Side of a square of zeros, its centre anywhere in the image (DeVries and Taylor, arXiv 1708.04552)."""
    rotation: float = 0.0
    """Degrees: turn by −r … +r about the image's centre."""
    scaling: float = 0.0
    """Fraction below 1: enlarge by 1−s … 1+s."""
    shear: float = 0.0
    """Degrees below 90: slant columns by −s … +s."""
    image_sizes: tuple[int, ...] = ()
    """Sides that images are scaled down to, each for an equal share of the run's steps, in this order."""

    @property
    def is_affine(self) -> bool:
        """Whether more than whole pixels' shifts are asked for, so that pixels must be interpolated."""
        return bool(self.rotation or self.scaling or self.shear)

    def check(self, image_shape: Sequence[int], steps: int) -> None:
        """Raise ConfigError if images (channels, height, width) are too small for this, or steps too few."""
        _, height, width = image_shape
        side, images = min(height, width), f"the images of {height} × {width} pixels"
        if self.crop_padding >= side:
            raise ConfigError(
                f"crop_padding {self.crop_padding} could shift {images} out of sight; "
                f"choose at most {side - 1}"
            )
        if self.cutout > side:
            raise ConfigError(f"cutout {self.cutout} is larger than {images}; choose at most {side}")
        for size in self.image_sizes:
            if not 1 <= size <= side:
                raise ConfigError(
                    f"image_sizes has {size}, to which {images} cannot be scaled down; choose 1 to {side}"
                )
        if len(self.image_sizes) > steps:
            raise ConfigError(
                f"image_sizes has {len(self.image_sizes)} sizes for {steps} steps; "
                f"give at most {steps}, or train for more steps"
            )

    def image_size(self, step: int, steps: int) -> int | None:
        """Return the images' side at this step of so many, None for as they are."""
        if not self.image_sizes:
            return None
        # A batch prepared ahead of time may be the one after the last step.
        return self.image_sizes[(min(step, steps) - 1) * len(self.image_sizes) // steps]
