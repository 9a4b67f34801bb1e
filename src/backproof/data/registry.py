"""Every data set that can be trained on, with what the rest of the program has to know of it."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backproof.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """A data set's facts. Nothing of it is imported before it is loaded, so that --help stays quick."""

    name: str
    module: str
    """Has CLASSES, the classes' names, and prepare(), which returns the folder that npy_folder makes.

    Where there is a ``data_dir``, prepare takes it, a Path or None.
    """
    summary: str
    """What it is and how many images it has; a report says it."""
    validation_size: int
    """Size of the validation set unless the user chooses one: a tenth of the training images.

    On CIFAR-10 an accuracy then errs by some 0.007.
    """
    data_dir: str | None = None
    """What --data-dir may name, for --help; None where the images come with the installation."""
    small: bool = False
    """Few and easy images: ``backproof reproduce`` trains smaller networks on them, in fewer steps."""


DATASETS: dict[str, DatasetInfo] = {
    info.name: info
    for info in (
        DatasetInfo(
            name="cifar10",
            module="backproof.data.cifar10",
            summary="CIFAR-10, 50,000 images to train on and 10,000 to test",
            validation_size=5000,
            data_dir="CIFAR-10's folder of batch files, the one above it, or cifar-10-python.tar.gz",
        ),
        DatasetInfo(
            name="digits",
            module="backproof.data.digits",
            summary="the handwritten digits that scikit-learn ships, 1,437 images to train on and "
            "360 to test",
            validation_size=143,
            small=True,
        ),
    )
}


def load(name: str, data_dir: Path | None = None, validation_size: int = 0) -> "Dataset":
    """Return the data set, its last ``validation_size`` training images as the validation set.

    Raises DataError, ConfigError where too few images are left to train on, ValueError for an unknown name.
    """
    from backproof.data.dataset import Dataset

    if name not in DATASETS:
        raise ValueError(f"no data set {name!r}; there are {' and '.join(DATASETS)}")
    module = importlib.import_module(DATASETS[name].module)
    folder = module.prepare() if DATASETS[name].data_dir is None else module.prepare(data_dir)
    return Dataset.open(name, folder, module.CLASSES, validation_size)
