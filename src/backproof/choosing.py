"""Compare modifications of a recipe on images set aside, so that the test set chooses nothing."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backproof import record
from backproof.config import TrainConfig, from_text
from backproof.errors import ConfigError, RunError
from backproof.recipes import Recipe
from backproof.record import RunRecord

VALIDATION_SIZE = 5000
"""Images set aside unless told otherwise: a tenth of CIFAR-10's, whose accuracy then errs by some 0.007."""


@dataclass(frozen=True)
class Candidate:
    """A modification: its name is what the user typed, and its run's folder."""

    name: str
    settings: TrainConfig


def candidates(recipe: Recipe, modifications: Sequence[str], base: Mapping[str, Any]) -> list[Candidate]:
    """Read modifications like "weight_decay=1e-3 optimizer=adamw", laid over ``base`` (ConfigError).

    The unmodified recipe comes first. Every candidate is judged on images set aside.
    """
    base = {"validation_size": VALIDATION_SIZE, **base}
    if base["validation_size"] < 1:
        raise ConfigError("modifications are compared on images set aside: validation_size must be 1 or more")
    made = [Candidate("unmodified", recipe.configure(base))]
    for text in modifications:
        changes: dict[str, Any] = {}
        for each in _words(text):
            name, equals, value = each.partition("=")
            if not equals:
                raise ConfigError(
                    f"a modification is NAME=VALUE, or several with spaces between, not '{each}'"
                )
            if name in ("data", "data_dir", "validation_size"):
                raise ConfigError(
                    f"{name} has to be the same for all that are compared: give --{name} instead"
                )
            changes[name] = from_text(name, value)
        made.append(Candidate(" ".join(text.split()), recipe.configure(base, changes)))
    if len({candidate.name for candidate in made}) < len(made):
        raise ConfigError("the same modification is given twice")
    return made


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"cannot read the modification {text!r}: {error}") from None
    if not words:
        raise ConfigError("a modification is empty; give NAME=VALUE")
    return words


def folder_name(candidate: Candidate) -> str:
    """Name a candidate's folder after its modification."""
    return candidate.name.replace("/", "_").replace(" ", "+")


def find_record(folder: Path, recipe: Recipe, settings: TrainConfig) -> RunRecord | None:
    """Return the record of this very run if it is finished (RunError if the folder is of another run)."""
    if not (folder / record.FILE_NAME).is_file():
        return None
    found = record.read(folder)
    if found.recipe != recipe.name or recipe.configure(found.config) != settings:
        raise RunError(f"{folder} is a run of other settings; choose another --out")
    return found


def ranked(records: Mapping[str, RunRecord]) -> list[tuple[str, RunRecord]]:
    """Sort by validation accuracy at the last step, best first."""
    return sorted(records.items(), key=lambda item: -item[1].final["validation_accuracy"])
