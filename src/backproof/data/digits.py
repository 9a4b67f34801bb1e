"""The 1,797 handwritten digits that scikit-learn ships (Alpaydin and Kaynak, 1998), as 32 × 32 images."""

from importlib.metadata import version
from pathlib import Path

import numpy as np

from backproof.data.npy_files import DecodedDataset, npy_folder

CLASSES = tuple("0123456789")
_TEST_SIZE = 360
_MAX_INK = 16


def prepare() -> Path:
    """Return the folder of .npy files, made on first use (DataError)."""
    return npy_folder(f"digits-{version('scikit-learn')}", _decode)


def _decode() -> DecodedDataset:
    """Split by class with a fixed seed; repeat each of 8 × 8 pixels 4 × 4 times, in three equal channels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    grey = (digits.images * 255 / _MAX_INK).round().astype(np.uint8)
    large = grey.repeat(4, axis=1).repeat(4, axis=2)
    images = np.repeat(large[:, None], 3, axis=1)
    labels = digits.target.astype(np.uint8)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=_TEST_SIZE, stratify=labels, random_state=0
    )
    return DecodedDataset(train=[(images[train], labels[train])], test=[(images[test], labels[test])])
