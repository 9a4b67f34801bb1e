"""What a search leaves behind for people and programs: what was tried, and what came of it."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from backproof.errors import RunError
from backproof.files import write_atomically
from backproof.training.record import Environment

SCHEMA = "backproof.search/1"
FILE_NAME = "search.json"


class SearchedTrial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trial that has ended."""

    number: int
    values: dict[str, float | int | str]
    """What it tried of each entry of the space: a number, or a choice's label."""
    settings: dict[str, Any]
    """The settings that this means."""
    state: Literal["finished", "stopped early", "failed"]
    curve: list[tuple[int, float]]
    """Steps and the accuracy on the validation set after them."""
    seconds: float | None = None
    """Of training, evaluating and saving."""
    reason: str = ""
    """Why it failed."""

    @property
    def accuracy(self) -> float | None:
        """The last accuracy on the validation set, None of a trial that failed."""
        return self.curve[-1][1] if self.curve and self.state != "failed" else None


class SearchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A search; msgspec.json.schema(SearchRecord) is its JSON schema."""

    schema: str = SCHEMA
    recipe: str
    config: dict[str, Any]
    """The settings that all trials share; those in the space are as the recipe has them."""
    space: dict[str, Any]
    """As TOML has it."""
    trials_planned: int
    trials: list[SearchedTrial]
    """In the order in which they began."""
    importances: dict[str, float]
    """Of each entry of the space, their sum 1; empty for too few trials. See importances.py."""
    environment: Environment
    """Of the worker that wrote this."""

    def ranked(self) -> list[SearchedTrial]:
        """Return the trials, the best first: those that finished, those stopped early, those that failed."""
        order = ("finished", "stopped early", "failed")
        return sorted(self.trials, key=lambda trial: (order.index(trial.state), -(trial.accuracy or 0.0)))


def write(folder: Path, record: SearchRecord) -> None:
    """Write search.json (OSError)."""
    content = msgspec.json.format(msgspec.json.encode(record), indent=1)
    write_atomically(folder / FILE_NAME, content + b"\n")


def read(folder: Path) -> SearchRecord:
    """Read a folder's search.json (RunError)."""
    path = folder / FILE_NAME
    try:
        record = msgspec.json.decode(path.read_bytes(), type=SearchRecord)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise RunError(f"{path} is damaged ({error}); backproof search writes it anew") from None
    if record.schema != SCHEMA:
        raise RunError(f"{path} has schema {record.schema!r}, this version reads {SCHEMA!r}")
    return record
