"""What a run leaves behind for people and programs: settings, curves, result, cost and origin."""

from pathlib import Path
from typing import Any

import msgspec

from backproof.errors import RunError
from backproof.files import write_atomically

SCHEMA = "backproof.record/1"
FILE_NAME = "record.json"


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Losses and accuracies at one step, on the test set or on a validation set, never on both."""

    step: int
    train_loss: float
    """Mean over the batches since the evaluation before, each measured before its update.

    It is what training lowers: with label smoothing that of the smoothed targets, as no other loss is."""
    train_accuracy: float
    test_loss: float | None = None
    """Mean over the whole test set."""
    test_accuracy: float | None = None
    validation_loss: float | None = None
    """Mean over the whole validation set."""
    validation_accuracy: float | None = None
    gradient_norms: dict[str, float] = {}
    """L2 norm of the gradient of each layer's weights at this step, by the layer's name."""

    def metrics(self) -> dict[str, float]:
        """Return the loss and accuracy on the test set or the validation set, by name."""
        values = msgspec.to_builtins(self)
        return {name: value for name, value in values.items() if name.startswith(("test_", "validation_"))}


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where the numbers come from."""

    versions: dict[str, str]
    """Of Python, this package, and the libraries that compute."""
    platform: str
    cpu: str
    device: str = "cpu"
    """What computed: cpu, or a GPU's name."""
    cores: int
    """Those that this process may use."""
    threads: dict[str, int]
    """Of each thread pool, by library."""
    commit: str | None
    """Of the source tree, "-dirty" if it has changes; None for an installed package."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One finished run; msgspec.json.schema(RunRecord) is its JSON schema."""

    schema: str = SCHEMA
    recipe: str
    config: dict[str, Any]
    """Every setting, as ``--config`` takes them back."""
    curves: list[Evaluation]
    final: dict[str, float]
    """Loss and accuracy at the last step: not the best ones."""
    final_averaged: dict[str, float] = {}
    """The same of probabilities averaged over ``views`` copies of each image; empty where that is 1."""
    seconds: float
    """Of training, evaluating and saving, over all sessions of the run."""
    images_per_second: float
    """Training images, counting training time alone."""
    peak_rss_mb: float | None
    """Largest resident memory of the process that finished the run, in MB of 10⁶ bytes."""
    environment: Environment
    seed: int
    processes: int = 1
    """How many shared each batch."""


def write(folder: Path, record: RunRecord) -> None:
    """Write record.json (OSError)."""
    write_atomically(folder / FILE_NAME, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def read(folder: Path) -> RunRecord:
    """Read a run folder's record.json (RunError)."""
    path = folder / FILE_NAME
    try:
        record = msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise RunError(f"{path} is damaged ({error}); delete it, then --resume writes it anew") from None
    if record.schema != SCHEMA:
        raise RunError(f"{path} has schema {record.schema!r}, this version reads {SCHEMA!r}")
    return record
