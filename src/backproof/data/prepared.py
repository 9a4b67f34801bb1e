"""Decode a data set once into .npy files; every later start maps them into memory."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.cache import cache_folder, cache_lock, is_cached
from backproof.files import appearing_folder

_FORMAT = "v1"
"""Changes when the prepared files do."""

RawBatch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Images (N, 3, 32, 32) and labels (N,)."""


@dataclass(frozen=True)
class Decoded:
    """A data set just read, each split as the batches it came in."""

    train: list[RawBatch]
    test: list[RawBatch]


def prepared(key: str, decode: Callable[[], Decoded]) -> Path:
    """Return the folder of .npy files under this key, decoded first if it is not there yet (DataError)."""
    folder = cache_folder() / "prepared" / f"{key}-{_FORMAT}"
    if not is_cached(folder):
        with cache_lock("prepare"):
            # Another process may have made it while this one waited.
            if not folder.is_dir():
                for stale in folder.parent.glob(".*"):  # left by a process that was killed
                    shutil.rmtree(stale, ignore_errors=True)
                decoded = decode()
                folder.parent.mkdir(parents=True, exist_ok=True)
                with appearing_folder(folder) as temporary:
                    _write(decoded, temporary)
    return folder


def _write(decoded: Decoded, folder: Path) -> None:
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
