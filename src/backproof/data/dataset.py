"""A data set in memory: its splits of memory-mapped images and labels, and the mean image."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backproof.arrays import Images, Indices, Labels, Pixels
from backproof.errors import ConfigError, DataError


@dataclass(frozen=True)
class Split:
    """Images and labels; a batch becomes float32 only when it is asked for."""

    pixels: Pixels
    """(N, channels, height, width), 0 … 255, memory-mapped."""
    labels: Labels
    """(N,)"""
    mean: Images
    """The training images' mean (channels, height, width), subtracted from every image."""

    def __len__(self) -> int:
        return len(self.labels)

    def centred(self, which: slice | Indices, out: Images | None = None) -> Images:
        """Return the chosen images minus the mean, float32 (B, channels, height, width).

        They are written into ``out`` if it is given.
        """
        pixels = self.pixels[which]
        if out is None:
            out = np.empty(pixels.shape, np.float32)
        # Converted first, then subtracted in place: quicker than one call that does both in small pieces.
        out[...] = pixels
        out -= self.mean
        return out

    def part(self, number: int, of: int) -> "Split":
        """Return part ``number`` = 0 … of−1 of the images, in order; sizes differ by one at most."""
        which = slice(len(self) * number // of, len(self) * (number + 1) // of)
        return Split(self.pixels[which], self.labels[which], self.mean)

    def chunks(self, size: int) -> Iterator[tuple[Images, Labels]]:
        """Yield all images in order, ``size`` at a time; each chunk overwrites the one before."""
        buffer = np.empty((min(size, len(self)), *self.pixels.shape[1:]), np.float32)
        for start in range(0, len(self), size):
            labels = self.labels[start : start + size]
            yield self.centred(slice(start, start + size), out=buffer[: len(labels)]), labels


@dataclass(frozen=True)
class Dataset:
    """A named data set."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split | None
    """The last of the training images, None unless a validation set was asked for."""
    test: Split

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(channels, height, width)"""
        return self.train.mean.shape

    @classmethod
    def open(cls, name: str, folder: Path, classes: tuple[str, ...], validation_size: int) -> "Dataset":
        """Memory-map a folder of .npy files (DataError if damaged, ConfigError if it has too few images)."""
        try:
            train, test = (
                np.load(folder / f"{part}_images.npy", mmap_mode="r") for part in ("train", "test")
            )
            train_labels, test_labels = (
                np.load(folder / f"{part}_labels.npy").astype(np.int64) for part in ("train", "test")
            )
            total = np.load(folder / "train_sum.npy")
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"the prepared images in {folder} are damaged ({error}); "
                "delete that folder, the next start makes it anew"
            ) from None
        n = len(train) - validation_size
        if n < 1:
            raise ConfigError(
                f"validation_size {validation_size} leaves nothing of the {len(train):,} training images"
            )
        # The validation set has no part in the mean. Sums of whole numbers are exact.
        mean = ((total - train[n:].sum(axis=0, dtype=np.int64)) / n).astype(np.float32)

        def split(pixels: Pixels, labels: Labels) -> Split:
            # A plain array over the same mapping: indexing a memmap costs its bookkeeping each time.
            return Split(np.asarray(pixels), labels, mean)

        return cls(
            name,
            classes,
            train=split(train[:n], train_labels[:n]),
            validation=split(train[n:], train_labels[n:]) if validation_size else None,
            test=split(test, test_labels),
        )
