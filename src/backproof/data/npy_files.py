"""Write a decoded data set as .npy files in the cache folder, once; later starts memory-map them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.cache import cache_lock, is_cached
from backproof.files import atomic_folder, cache_folder

_FORMAT = "v1"
"""Part of the folder's name; changes when the layout of its files does."""

RawBatch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Images (N, channels, height, width) and labels (N,)."""


@dataclass(frozen=True)
class DecodedDataset:
    """A data set as it comes from its files, each split as a list of batches (TypeError, ValueError)."""

    train: list[RawBatch]
    test: list[RawBatch]

    def __post_init__(self) -> None:
        """Check dtypes and shapes: files of other ones would be read as noise."""
        for images, labels in (*self.train, *self.test):
            if images.dtype != np.uint8 or labels.dtype != np.uint8:
                raise TypeError(f"images and labels must be uint8, not {images.dtype} and {labels.dtype}")
            if images.shape[1:] != self.train[0][0].shape[1:] or images.ndim != 4:
                raise ValueError(
                    f"images must be (N, channels, height, width), all of one size, not {images.shape}"
                )
            if labels.shape != images.shape[:1]:
                raise ValueError(
                    f"labels must be (N,), one for each of {len(images)} images, not {labels.shape}"
                )


def npy_folder(key: str, decode: Callable[[], DecodedDataset]) -> Path:
    """Return the folder of .npy files under this key, filled by ``decode`` at the first call (DataError)."""
    folder = cache_folder() / "prepared" / f"{key}-{_FORMAT}"
    if not is_cached(folder):
        with cache_lock("prepare"):
            # Another process may have made it while this one waited.
            if not folder.is_dir():
                for stale in folder.parent.glob(".*"):  # left by a process that was killed
                    shutil.rmtree(stale, ignore_errors=True)
                decoded = decode()
                folder.parent.mkdir(parents=True, exist_ok=True)
                with atomic_folder(folder) as temporary:
                    _write(decoded, temporary)
    return folder


def _write(decoded: DecodedDataset, folder: Path) -> None:
    """Write images and labels of both splits, and the sum of the training images, from which means come."""
    for part, batches in (("train", decoded.train), ("test", decoded.test)):
        n = sum(len(labels) for _, labels in batches)
        # Batch by batch, so that the whole split never stands in memory a second time.
        with (folder / f"{part}_images.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (n, *batches[0][0].shape[1:])}
            np.lib.format.write_array_header_1_0(file, header)
            for images, _ in batches:
                images.tofile(file)
        np.save(folder / f"{part}_labels.npy", np.concatenate([labels for _, labels in batches]))
    total = sum(images.sum(axis=0, dtype=np.int64) for images, _ in decoded.train)
    np.save(folder / "train_sum.npy", np.asarray(total))
