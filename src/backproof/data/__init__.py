"""Image data sets: found, fetched, checked and prepared once, memory-mapped ever after."""

from pathlib import Path

from backproof.data import cifar10, digits
from backproof.data.ahead import BatchesAhead
from backproof.data.batches import Batches
from backproof.data.dataset import Dataset, Split

__all__ = ["Batches", "BatchesAhead", "Dataset", "Split", "load"]


def load(name: str, data_dir: Path | None = None, validation_size: int = 0) -> Dataset:
    """Load ``cifar10`` or ``digits``, the last ``validation_size`` training images set aside (DataError)."""
    if name == "digits":
        return Dataset.open(name, digits.prepare(), digits.CLASSES, validation_size)
    if name == "cifar10":
        return Dataset.open(name, cifar10.prepare(data_dir), cifar10.CLASSES, validation_size)
    raise ValueError(f"no data set {name!r}; there are cifar10 and digits")
