"""The report's tables, as rows of text."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from backproof.report import summary
from backproof.training.config import setting_names
from backproof.training.recipes import RECIPES, report_entries
from backproof.training.record import RunRecord
from backproof.training.setting import Role

Table = dict[str, Any]


def modifications(recipes: Mapping[str, Sequence[RunRecord]]) -> Table:
    """Return a row for each modification, beside what it modifies."""
    rows, entries = [], report_entries()
    for recipe in summary.discussed_recipes():
        after = recipes[recipe.name]
        before = recipes.get(recipe.parent.name) if recipe.parent else None
        rows.append(
            [
                recipe.name,
                changed(before[0].config, after[0].config) if before else "nothing",
                entries[recipe.name].reason,
                summary.mean_and_std(summary.accuracies(after)),
                summary.gain(before, after) if before else "",
                f"{summary.training_accuracy(after):.3f}",
                f"{summary.median_seconds(after):.0f}",
            ]
        )
    header = [
        "recipe",
        "changed",
        "why it was tried",
        "test accuracy",
        "change",
        "training accuracy",
        "seconds",
    ]
    return {"header": header, "rows": rows}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Write the settings that differ and bear on what the network learns."""
    # Compared as they are written: records have lists where settings have tuples.
    names = [
        name
        for name in after
        if name in setting_names(Role.LEARNING) and value(after[name]) != value(before.get(name))
    ]
    return _written(after, names)


def validated(records: Sequence[RunRecord]) -> Table:
    """Return what was compared on the validation set, each by what it changes of its recipe."""
    rows = [
        [
            record.recipe,
            changed(RECIPES[record.recipe].configure().as_dict(), record.config) or "nothing",
            f"{record.final['validation_accuracy']:.4f}",
            f"{record.final['validation_loss']:.4f}",
            f"{record.seconds:.0f}",
        ]
        for record in records
    ]
    header = ["recipe", "changed", "validation accuracy", "validation loss", "seconds"]
    return {"header": header, "rows": rows}


def _written(config: Mapping[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {value(config[name])}" for name in names if name in config)


def value(setting: Any) -> str:
    """Write a setting's value."""
    return " ".join(map(str, setting)) if isinstance(setting, list | tuple) else str(setting)


def results(recipes: Mapping[str, Sequence[RunRecord]], data: str) -> Table:
    """Return a row for each recipe."""
    rows = [
        [
            name + (" (bf16)" if records[0].config.get("precision") == "bf16" else ""),
            RECIPES[name].summary,
            summary.mean_and_std(summary.accuracies(records)),
            f"{statistics.mean(record.final['test_loss'] for record in records):.3f}",
            RECIPES[name].reference if data == "cifar10" else "",
            summary.seeds(records),
            f"{summary.median_seconds(records):.0f}",
            summary.averaged(records),
        ]
        for name, records in recipes.items()
    ]
    header = [
        "recipe",
        "what it is",
        "test accuracy",
        "test loss",
        "course",
        "seeds",
        "seconds a run",
        "averaged",
    ]
    if not any(row[-1] for row in rows):
        header.pop()
        rows = [row[:-1] for row in rows]
    return {"header": header, "rows": rows}
