"""The report's tables, as rows of text."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from backproof.report import summary
from backproof.training.recipes import HOW_TO_COMPUTE, RECIPES
from backproof.training.record import RunRecord

Table = dict[str, Any]
_REASONS = {
    "mlp-torch": "The network that the modifications start from.",
    "mlp-deep-adam": "More and wider layers can express more. Adam scales each weight's steps by itself, "
    "which spares a search for a learning rate at this depth.",
    "mlp-deep-adam-3000": "Does it learn more when it has the time?",
    "mlp-deep-l2": "Do smaller weights narrow the gap between training and test accuracy?",
    "mlp-deep-batchnorm": "Normalised activations keep every layer's input on one scale while the layers "
    "before it change, and a batch's random statistics restrain the network besides.",
}
_NOT_SHOWN = {"data", "seed", "validation_size", "eval_every", *HOW_TO_COMPUTE}


def modifications(recipes: Mapping[str, Sequence[RunRecord]]) -> Table:
    """Return a row for each of the MLP's modifications, every one on top of the one above it."""
    rows = []
    before: Sequence[RunRecord] = []
    for name, reason in _REASONS.items():
        here = recipes[name]
        rows.append(
            [
                name,
                changed(before[0].config, here[0].config) if before else "nothing",
                reason,
                summary.mean_and_spread(summary.accuracies(here)),
                summary.gain(before, here) if before else "",
                f"{summary.training_accuracy(here):.3f}",
                f"{summary.seconds(here):.0f}",
            ]
        )
        before = here
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
    """Write the settings that are other ones than before, but for how they are computed."""
    names = [name for name in after if name not in _NOT_SHOWN and after[name] != before.get(name)]
    return _written(after, names)


def choices(records: Sequence[RunRecord]) -> Table:
    """Return what was compared on images set aside, by the settings that differ among them."""
    names = varying(records)
    rows = [
        [
            record.recipe,
            _written(record.config, names),
            f"{record.final['validation_accuracy']:.4f}",
            f"{record.final['validation_loss']:.4f}",
            f"{record.seconds:.0f}",
        ]
        for record in records
    ]
    header = ["recipe", "with", "validation accuracy", "validation loss", "seconds"]
    return {"header": header, "rows": rows}


def varying(records: Sequence[RunRecord]) -> list[str]:
    """Name the settings that not all of the runs share."""
    names = dict.fromkeys(name for record in records for name in record.config if name not in _NOT_SHOWN)
    return [name for name in names if len({value(record.config.get(name)) for record in records}) > 1]


def _written(config: Mapping[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {value(config[name])}" for name in names if name in config)


def value(setting: Any) -> str:
    """Write a setting's value."""
    return " ".join(map(str, setting)) if isinstance(setting, list | tuple) else str(setting)


def results(recipes: Mapping[str, Sequence[RunRecord]], data: str) -> Table:
    """Return a row for each recipe."""
    rows = [
        [
            name,
            RECIPES[name].summary,
            summary.mean_and_spread(summary.accuracies(records)),
            f"{statistics.mean(record.final['test_loss'] for record in records):.3f}",
            summary.REFERENCE[name] if data == "cifar10" else "",
            summary.seeds(records),
            f"{summary.seconds(records):.0f}",
            str(records[0].config.get("precision", "fp32")),
        ]
        for name, records in recipes.items()
    ]
    header = [
        "recipe", "what it is", "test accuracy", "test loss", "course", "seeds", "seconds a run", "precision",
    ]  # fmt: skip
    return {"header": header, "rows": rows}
