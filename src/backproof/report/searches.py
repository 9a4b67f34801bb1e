"""What was searched, as sentences and rows of text."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from backproof.report.tables import value
from backproof.training.search.search_record import SearchedTrial, SearchRecord

_SHOWN = 10
"""The best trials of a search; search.json has all."""


def shown(searches: Sequence[SearchRecord]) -> list[dict[str, Any]]:
    """Return what the report has of each search, but for its picture."""
    return [
        {"sentence": _sentence(search), "caption": caption(search), "table": _table(search)}
        for search in searches
    ]


def caption(search: SearchRecord) -> str:
    """Write what the best trials are the best of."""
    ranked = search.ranked()
    few = "All" if len(ranked) <= _SHOWN else f"The best {_SHOWN} of {len(ranked)}"
    return f"{few} trials of the search for {search.recipe}."


def _sentence(search: SearchRecord) -> str:
    states = [trial.state for trial in search.trials]
    ended = ", ".join(
        f"{states.count(state)} {text}"
        for state, text in (
            ("finished", "finished"), ("stopped early", "were stopped early"), ("failed", "failed")
        )
        if state in states
    )  # fmt: skip
    # Of a trial that failed nobody knows them.
    seconds = [trial.seconds for trial in search.trials if trial.seconds is not None] or [0.0]
    entries = "; ".join(f"{name} {_entry(entry)}" for name, entry in search.space.items())
    epochs = search.config.get("epochs")
    length = f"{epochs:g} epochs" if epochs else f"{search.config['steps']:,} steps"
    return (
        f"{search.recipe}, {len(search.trials)} trials of {length} at most, judged "
        f"on {search.config['validation_size']:,} training images that none was trained on: {ended}. They "
        f"took {sum(seconds):,.0f} seconds in all, the median {statistics.median(seconds):.0f}. "
        f"Searched: {entries}."
    )


def _entry(entry: Any) -> str:
    """Write an entry of a search space."""
    if isinstance(entry, Mapping):
        (scale, (low, high)), *_ = entry.items()
        return f"from {low:g} to {high:g}{' (logarithmic)' if scale == 'log' else ''}"
    return " or ".join(_option(option) for option in entry)


def _option(option: Any) -> str:
    if isinstance(option, Mapping):
        return f"({', '.join(f'{name} {value(each)}' for name, each in option.items())})"
    return value(option) or "none"


def _table(search: SearchRecord) -> dict[str, Any]:
    header = ["trial", "with", "validation accuracy", "seconds", "state"]
    return {"header": header, "rows": [_row(trial) for trial in search.ranked()[:_SHOWN]]}


def _row(trial: SearchedTrial) -> list[str]:
    return [
        str(trial.number),
        ", ".join(f"{name} {value(each)}" for name, each in trial.settings.items()),
        "" if trial.accuracy is None else f"{trial.accuracy:.4f}",
        "" if trial.seconds is None else f"{trial.seconds:.0f}",
        trial.state,
    ]
