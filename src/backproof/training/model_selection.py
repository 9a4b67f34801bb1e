"""Compare modifications of a recipe on a validation set, so that the test set chooses nothing."""

import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backproof.data.registry import DATASETS
from backproof.errors import ConfigError, RunError
from backproof.training import run
from backproof.training.config import TrainConfig, from_text
from backproof.training.recipe import Recipe
from backproof.training.record import RunRecord
from backproof.training.run import Run, absolute_data_dir

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Candidate:
    """A modification: its name is what the user typed, and its run's folder."""

    name: str
    settings: TrainConfig


def candidates(recipe: Recipe, modifications: Sequence[str], base: Mapping[str, Any]) -> list[Candidate]:
    """Read modifications like "weight_decay=1e-3 optimizer=adamw", laid over ``base`` (ConfigError).

    The unmodified recipe comes first. Every candidate is evaluated on the validation set.
    """
    base = {"validation_size": DATASETS[recipe.configure(base).data].validation_size, **base}
    if base["validation_size"] < 1:
        raise ConfigError("modifications are compared on a validation set: validation_size must be 1 or more")
    made = [Candidate("unmodified", absolute_data_dir(recipe.configure(base)))]
    for text in modifications:
        changes: dict[str, Any] = {}
        for word in _words(text):
            name, equals, value = word.partition("=")
            if not equals:
                raise ConfigError(
                    f"a modification is NAME=VALUE, or several with spaces between, not '{word}'"
                )
            if name in ("data", "data_dir", "validation_size"):
                raise ConfigError(
                    f"{name} has to be the same for all that are compared: give --{name} instead"
                )
            if name in changes:
                raise ConfigError(f"the modification '{text}' has {name} twice; a candidate is one --try")
            changes[name] = from_text(name, value)
        made.append(Candidate(" ".join(text.split()), absolute_data_dir(recipe.configure(base, changes))))
    for number, candidate in enumerate(made):
        for other in made[:number]:
            if other.settings == candidate.settings:
                raise ConfigError(f"'{candidate.name}' is the same as '{other.name}'; give it once")
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
    """Return a folder's name for a modification, of a long one its beginning and a checksum."""
    name = candidate.name.replace("/", "_").replace(" ", "+")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{zlib.crc32(name.encode()):08x}"


def open_run(folder: Path, recipe: Recipe, settings: TrainConfig) -> Run:
    """Start this very run, or resume it where its folder exists (RunError if that is of another run)."""
    if not folder.exists():
        return run.start(recipe, settings, folder)
    resumed = run.resume(folder)
    if (resumed.recipe, resumed.config) != (recipe, settings):
        raise RunError(f"{folder} is a run of other settings; choose another --out")
    return resumed


def ranked(records: Mapping[str, RunRecord]) -> list[tuple[str, RunRecord]]:
    """Sort by validation accuracy at the last step, best first."""
    return sorted(records.items(), key=lambda item: -item[1].final["validation_accuracy"])
