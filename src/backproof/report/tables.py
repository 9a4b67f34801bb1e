"""The report's tables, as rows of text."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from backproof.recipes import RECIPES
from backproof.record import RunRecord
from backproof.report import summary

Table = dict[str, Any]
_REASONS = {
    "mlp-torch": "The network that all modifications start from.",
    "mlp-deep-adam": "Training and test loss of the first network fall nearly side by side: it lacks "
    "capacity, "
    "not restraint. Adam scales each step by itself, which spares a search for a learning rate at this "
    "depth.",
    "mlp-deep-adam-3000": "The training loss is still falling when the steps run out.",
    "mlp-deep-l2": "With more steps the training accuracy leaves the test accuracy behind: the network "
    "learns its images by heart, and smaller weights may keep it from that.",
    "mlp-deep-batchnorm": "Normalised activations keep every layer's input on one scale while the layers "
    "before it change, and a batch's random statistics restrain the network besides.",
}
_OF_NO_INTEREST = (
    "data",
    "data_dir",
    "seed",
    "validation_size",
    "eval_every",
    "device",
    "threads",
    "compile",
)


def modifications(recipes: Mapping[str, Sequence[RunRecord]]) -> Table:
    """Return a row for each of the MLP's modifications, every one on top of the one above it."""
    rows = []
    before: Sequence[RunRecord] = []
    for name, reason in _REASONS.items():
        here = recipes[name]
        accuracies = summary.accuracies(here)
        gain = statistics.mean(accuracies) - statistics.mean(summary.accuracies(before)) if before else None
        rows.append(
            [
                name,
                changed(before[0].config, here[0].config) if before else "nothing",
                reason,
                summary.mean_and_spread(accuracies),
                "" if gain is None else f"{gain:+.3f}".replace("-", "−"),
                f"{here[-1].curves[-1].train_accuracy:.3f}",
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
    """Write the settings that are other ones than before."""
    return ", ".join(
        f"{name} {value(after[name])}"
        for name in after
        if name not in _OF_NO_INTEREST and after[name] != before.get(name)
    )


def value(setting: Any) -> str:
    """Write a setting's value."""
    return " ".join(map(str, setting)) if isinstance(setting, list) else str(setting)


def choices(records: Sequence[RunRecord]) -> Table:
    """Return what was compared on images set aside."""
    rows = [
        [
            record.recipe,
            chosen_by(record),
            f"{record.final['validation_accuracy']:.4f}",
            f"{record.final['validation_loss']:.4f}",
            f"{record.seconds:.0f}",
        ]
        for record in records
    ]
    images = f"{records[0].config['validation_size']:,}" if records else ""
    header = ["recipe", "with", "validation accuracy", "validation loss", "seconds"]
    return {"header": header, "rows": rows, "images": images}


def chosen_by(record: RunRecord) -> str:
    """Write the settings that tell compared runs apart."""
    return ", ".join(f"{name} {record.config[name]}" for name in ("optimizer", "weight_decay", "batch_norm"))


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
            records[0].config.get("precision", "fp32"),
        ]
        for name, records in recipes.items()
    ]
    header = [
        "recipe",
        "what it is",
        "test accuracy",
        "test loss",
        "reference",
        "seeds",
        "seconds a run",
        "precision",
    ]
    return {"header": header, "rows": rows}
