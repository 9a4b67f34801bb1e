"""Save a run between two steps, whole or not at all, without pickle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from backproof.arrays import State
from backproof.errors import RunError
from backproof.files import write_atomically
from backproof.training.loop import TrainState

FILE_NAME = "checkpoint.safetensors"
_FORMAT = "backproof.checkpoint/1"
_HEADER = "backproof"
_MEAN = "mean"
_LEARNER = "learner."


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to resume a run, and to use its network without the data set."""

    recipe: str
    config: dict[str, Any]
    classes: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    """The image (channels, height, width) that is subtracted from every input."""
    learner: State
    progress: TrainState


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint into a run's folder, replacing the one before in a single rename (OSError)."""
    path = folder / FILE_NAME
    arrays = {
        _MEAN: checkpoint.mean,
        **{_LEARNER + name: value for name, value in checkpoint.learner.items()},
    }
    about = _About(
        format=_FORMAT,
        recipe=checkpoint.recipe,
        config=checkpoint.config,
        classes=checkpoint.classes,
        progress=checkpoint.progress,
    )
    write_atomically(path, save(arrays, {_HEADER: msgspec.json.encode(about).decode()}))


def read(folder: Path) -> Checkpoint:
    """Read the checkpoint of a run's folder (RunError)."""
    path = folder / FILE_NAME
    try:
        with safe_open(path, framework="numpy") as file:
            about = msgspec.json.decode((file.metadata() or {})[_HEADER], type=_About)
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
        if about.format != _FORMAT:
            raise RunError(f"{path} has format {about.format!r}, this version reads {_FORMAT!r}")
        return Checkpoint(
            recipe=about.recipe,
            config=about.config,
            classes=about.classes,
            mean=arrays.pop(_MEAN),
            learner={name.removeprefix(_LEARNER): value for name, value in arrays.items()},
            progress=about.progress,
        )
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run's folder: it has no {FILE_NAME}") from None
    except (OSError, SafetensorError, KeyError, msgspec.DecodeError) as error:
        raise RunError(f"{path} is not a checkpoint of this program: {error}") from None


class _About(msgspec.Struct):
    """The part of a checkpoint that is not arrays, as JSON in the file's header."""

    format: str
    recipe: str
    config: dict[str, Any]
    classes: tuple[str, ...]
    progress: TrainState
