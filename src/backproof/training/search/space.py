"""What a search tries: a space of settings, read from TOML and checked against the recipe."""

import itertools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from backproof.errors import ConfigError
from backproof.training.config import TrainConfig, did_you_mean, setting_names
from backproof.training.recipe import Recipe
from backproof.training.setting import Role

if TYPE_CHECKING:
    import optuna

_FOLDER = Path(__file__).parent.parent / "search_spaces"
_DIGITS = 3
"""Significant digits of what is drawn from an interval: more would only make settings hard to read."""

Value = float | int | str
"""A number of an interval, or the label of a choice."""


@dataclass(frozen=True)
class Choice:
    """A list of alternatives."""

    options: Mapping[str, Mapping[str, Any]]
    """The settings of each, by its label: a setting's value, or for tables of settings all of them."""

    def suggest(self, name: str, trial: "optuna.Trial") -> Value:
        """Have Optuna take one."""
        return str(trial.suggest_categorical(name, list(self.options)))

    def rounded(self, value: Value) -> Value:
        """Return the label."""
        return value

    def settings(self, _: str, value: Value) -> Mapping[str, Any]:
        """Return what it sets."""
        return self.options[str(value)]


@dataclass(frozen=True)
class Interval:
    """The numbers of a closed interval, drawn uniformly or, if ``log``, uniformly in their logarithm."""

    low: float
    high: float
    log: bool
    whole: bool

    def suggest(self, name: str, trial: "optuna.Trial") -> Value:
        """Have Optuna draw one."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def rounded(self, value: Value) -> Value:
        """Return a number with few digits, still within the interval."""
        return value if self.whole else min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    def settings(self, name: str, value: Value) -> Mapping[str, Any]:
        """Return what it sets."""
        return {name: value}


@dataclass(frozen=True)
class SearchSpace:
    """Choices and intervals by name: a setting's, or for a list of tables any other."""

    entries: Mapping[str, Choice | Interval]
    text: Mapping[str, Any]
    """What it was read from, as TOML has it."""

    def suggest(self, trial: "optuna.Trial") -> dict[str, Value]:
        """Return what a trial tries of each entry; of a trial that is taken up again, what it tried."""
        return self.values({name: entry.suggest(name, trial) for name, entry in self.entries.items()})

    def values(self, suggested: Mapping[str, Value]) -> dict[str, Value]:
        """Return what is trained of what Optuna has suggested: numbers of few digits."""
        return {name: entry.rounded(suggested[name]) for name, entry in self.entries.items()}

    def settings(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return the settings that a trial changes."""
        return {
            setting: value
            for name, entry in self.entries.items()
            for setting, value in entry.settings(name, values[name]).items()
        }

    def combinations(self) -> list[dict[str, Value]] | None:
        """Return all that can be tried, None if that has no end because there is an interval."""
        choices = {name: entry for name, entry in self.entries.items() if isinstance(entry, Choice)}
        if len(choices) < len(self.entries):
            return None
        labels = itertools.product(*(entry.options for entry in choices.values()))
        return [dict(zip(choices, combination, strict=True)) for combination in labels]

    def unmodified(self, recipe: Recipe, fixed: Mapping[str, Any]) -> dict[str, Value] | None:
        """Return the values of the recipe as it is, None if the space has not all of them."""
        base = recipe.configure(fixed)
        values: dict[str, Value] = {}
        for name, entry in self.entries.items():
            if isinstance(entry, Choice):
                same = [
                    label for label, each in entry.options.items() if recipe.configure(fixed, each) == base
                ]
            else:
                number = getattr(base, name)
                inside = isinstance(number, int | float) and entry.low <= number <= entry.high
                same = [number] if inside else []
            if not same:
                return None
            values[name] = same[0]
        return values


def read(
    recipe: Recipe, fixed: Mapping[str, Any], file: Path | None = None, entries: Sequence[str] = ()
) -> SearchSpace:
    """Read a search space from ``entries``, each a line of TOML, else from a file, else the recipe's own.

    ``fixed`` are settings that all trials share. Raises ConfigError, for each entry that the recipe or the
    bounds of its settings do not allow.
    """
    if entries and file is not None:
        raise ConfigError("give the search space by --space or by --vary, not by both")
    if entries:
        given, where = _entries(entries), "--vary"
    else:
        given, where = _file(file or _own_file(recipe))
    if not given:
        raise ConfigError(f"{where}: the search space is empty; name a setting")
    parsed: dict[str, Choice | Interval] = {}
    seen: dict[str, str] = {}
    for name, values in given.items():
        try:
            parsed[name] = _entry(recipe, fixed, name, values)
            for setting in _settings_in(name, parsed[name]):
                if setting in fixed:
                    raise ConfigError(
                        f"{setting} is a fixed setting, too, by its flag or --fast; leave one out"
                    )
                if setting in seen:
                    raise ConfigError(f"{setting} is in {seen[setting]} and in {name}; leave one out")
                seen[setting] = name
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
    return SearchSpace(parsed, given)


def _own_file(recipe: Recipe) -> Path:
    path = _FOLDER / f"{recipe.name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in _FOLDER.glob("*.toml")))
        raise ConfigError(
            f"recipe {recipe.name} has no search space of its own, as {known} have; "
            "give one by --space FILE or --vary NAME=VALUES"
        )
    return path


def _file(path: Path) -> tuple[dict[str, Any], str]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig")), f"search space {path}"
    except OSError as error:
        raise ConfigError(f"cannot read the search space {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"search space {path}: {error}") from None


def _entries(lines: Iterable[str]) -> dict[str, Any]:
    """Read --vary's NAME=VALUES."""
    given: dict[str, Any] = {}
    for line in lines:
        try:
            entry = tomllib.loads(line)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(
                f"--vary {line!r} is not NAME=VALUES as TOML has it ({error}); e.g. "
                "'optimizer=[\"adam\", \"adamw\"]' or 'learning_rate={log=[1e-4, 1e-1]}'"
            ) from None
        for name, values in entry.items():
            if name in given:
                raise ConfigError(f"--vary: {name} is there twice; put all of its values into one")
            given[name] = values
    return given


def _entry(recipe: Recipe, fixed: Mapping[str, Any], name: str, values: object) -> Choice | Interval:
    """Check one entry (ConfigError)."""
    if isinstance(values, list):
        if not values:
            raise ConfigError(f"{name} is an empty list; name its values")
        if any(isinstance(value, dict) for value in values):
            return _tables(recipe, fixed, name, values)
    _require_variable(recipe, name)
    if isinstance(values, list):
        options = [(_label(value), {name: value}) for value in values]
        return _choice(recipe, fixed, name, options)
    return _interval(recipe, fixed, name, values)


def _tables(recipe: Recipe, fixed: Mapping[str, Any], name: str, tables: list[Any]) -> Choice:
    """Check a list of tables, each several settings that are tried together (ConfigError)."""
    if name in setting_names():
        raise ConfigError(f"{name} is a setting's name; a list of tables needs a name of its own")
    for table in tables:
        if not isinstance(table, dict) or not table:
            raise ConfigError(f"{name} has tables of settings: {table!r} is none")
        for setting in table:
            _require_variable(recipe, setting)
    options = [
        (" ".join(f"{setting}={_label(value)}" for setting, value in table.items()), table)
        for table in tables
    ]
    return _choice(recipe, fixed, name, options)


def _choice(
    recipe: Recipe, fixed: Mapping[str, Any], name: str, options: list[tuple[str, dict[str, Any]]]
) -> Choice:
    configured = []
    for label, settings in options:
        configured.append(recipe.configure(fixed, settings))
        if configured[-1] in configured[:-1]:
            raise ConfigError(f"{name} has {label} twice")
    return Choice(dict(options))


def _interval(recipe: Recipe, fixed: Mapping[str, Any], name: str, values: object) -> Interval:
    hint = get_type_hints(TrainConfig)[name]
    kinds = () if get_origin(hint) is tuple else get_args(hint) or (hint,)
    ends: Any = None
    if isinstance(values, dict) and len(values) == 1:
        (scale, ends), *_ = values.items()
        if scale not in ("range", "log"):
            ends = None
    if (
        not isinstance(ends, list)
        or len(ends) != 2
        or not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    ):
        raise ConfigError(
            f"{name} must be a list of values, {{range = [low, high]}} or {{log = [low, high]}}, "
            f"not {values!r}"
        )
    if not {int, float} & set(kinds):
        raise ConfigError(f"{name} is no number, so it has no range; list its values")
    low, high = ends
    if not low < high:
        raise ConfigError(
            f"{name}: the range has to go from a smaller number to a larger, not {low} to {high}"
        )
    for end in ends:
        recipe.configure(fixed, {name: end})
    if scale == "log" and low <= 0:
        raise ConfigError(f"{name}: a logarithmic range begins above 0, not at {low}")
    return Interval(low, high, log=scale == "log", whole=float not in kinds)


def _require_variable(recipe: Recipe, name: str) -> None:
    """Refuse what is no setting of this recipe, and what all trials must share (ConfigError)."""
    variable = [each for each in setting_names(Role.LEARNING) if each in recipe.network.settings]
    if name in variable:
        return
    if name not in setting_names():
        raise ConfigError(f"unknown setting '{name}'{did_you_mean(name, variable)}")
    if name not in recipe.network.settings:
        raise ConfigError(f"recipe {recipe.name} has no setting '{name}': leave it out")
    raise ConfigError(f"{name} has to be the same for all trials: give --{name.replace('_', '-')} instead")


def _settings_in(name: str, entry: Choice | Interval) -> list[str]:
    if isinstance(entry, Interval):
        return [name]
    return list(dict.fromkeys(setting for settings in entry.options.values() for setting in settings))


def _label(value: object) -> str:
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return str(value) if value != "" else "''"
