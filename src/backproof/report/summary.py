"""Runs of one recipe in numbers: the last step's accuracy, mean and standard deviation over the seeds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import fields

from backproof.data.augmentation import Augmentation
from backproof.training.recipe import Recipe
from backproof.training.recipes import RECIPES, report_entries
from backproof.training.record import RunRecord


def discussed_recipes() -> list[Recipe]:
    """Return the recipes with a reason: a network, then its modifications."""
    return [RECIPES[name] for name, entry in report_entries().items() if entry.reason]


def accuracies(records: Sequence[RunRecord]) -> list[float]:
    """Return the last step's accuracies on the test set."""
    return [record.final["test_accuracy"] for record in records]


def averaged(records: Sequence[RunRecord]) -> str:
    """Write the test accuracy averaged over views of each image, "" where that was not measured."""
    if not all(record.final_averaged for record in records):
        return ""
    views = records[0].config["views"]
    accuracies = [record.final_averaged["test_accuracy"] for record in records]
    return f"{mean_and_std(accuracies)} ({views} views)"


def mean_and_std(values: Sequence[float]) -> str:
    """Write a mean with its sample standard deviation; of one value there is none."""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def training_accuracy(records: Sequence[RunRecord]) -> float:
    """Return the last step's accuracy on the training batches before it, a mean over the seeds."""
    return statistics.mean(record.curves[-1].train_accuracy for record in records)


def trained_on(records: Sequence[RunRecord]) -> str:
    """Write what makes training figures worse than those of plain images would be, "" for nothing."""
    config = records[0].config
    changes = {
        "augmented images": any(config.get(field.name) for field in fields(Augmentation)),
        "smoothed labels": config.get("label_smoothing"),
    }
    made = [what for what, is_so in changes.items() if is_so]
    return f" (with {' and '.join(made)})" if made else ""


def gain(before: Sequence[RunRecord], after: Sequence[RunRecord]) -> str:
    """Write by how much the mean test accuracy changed."""
    change = statistics.mean(accuracies(after)) - statistics.mean(accuracies(before))
    return f"{change:+.3f}".replace("-", "−")


def median_seconds(records: Sequence[RunRecord]) -> float:
    """Return the median of the runs' seconds."""
    return statistics.median(record.seconds for record in records)


def seeds(records: Sequence[RunRecord]) -> str:
    """Write the seeds."""
    return ", ".join(str(record.seed) for record in records)


def sentence(records: Sequence[RunRecord]) -> str:
    """Write a recipe's accuracy, for use after "has"."""
    count = f"over {len(records)} seeds" if len(records) > 1 else f"with seed {records[0].seed}"
    return f"an accuracy of {mean_and_std(accuracies(records))} on the test set ({count})"


def discussion(recipes: Mapping[str, Sequence[RunRecord]], data: str) -> list[str]:
    """Write what each modification changed, and which network is the best."""
    discussed = discussed_recipes()
    sentences = [
        _effect(recipe.name, recipes[recipe.parent.name], recipes[recipe.name])
        for recipe in discussed
        if recipe.parent and recipe.parent.name in recipes
    ]
    best = max(
        (recipe.name for recipe in discussed), key=lambda name: statistics.mean(accuracies(recipes[name]))
    )
    reached = statistics.mean(accuracies(recipes[best]))
    asked = " (the assignment asks for 0.52)" if data == "cifar10" else ""
    sentences.append(
        f"The best of these networks is {best}, with {reached:.3f}{asked}. "
        f"{overfitting_sentence(recipes[best])}"
    )
    return sentences


def _effect(name: str, before: Sequence[RunRecord], after: Sequence[RunRecord]) -> str:
    """Write by how much a modification changed the test accuracy of its parent."""
    change = statistics.mean(accuracies(after)) - statistics.mean(accuracies(before))
    spreads = [statistics.stdev(accuracies(runs)) for runs in (after, before) if len(runs) > 1]
    within = ", which is within the seeds' spread" if spreads and abs(change) <= max(spreads) else ""
    gap = training_accuracy(after) - statistics.mean(accuracies(after))
    return (
        f"{name} changed the test accuracy by {gain(before, after)}, to "
        f"{mean_and_std(accuracies(after))}{within}; at its end the training accuracy{trained_on(after)} is "
        f"{abs(gap):.3f} {'above' if gap >= 0 else 'below'} that."
    )


def overfitting_sentence(records: Sequence[RunRecord]) -> str:
    """Write where a recipe's test loss, a mean over the seeds, was lowest, and what came after."""
    evaluations = list(zip(*(record.curves for record in records), strict=True))
    losses = [statistics.mean(run.test_loss or 0.0 for run in runs) for runs in evaluations]
    trained = statistics.mean(run.train_loss for run in evaluations[-1])
    lowest = min(range(len(losses)), key=losses.__getitem__)
    end = (
        f"At the end the training loss{trained_on(records)} is {trained:.3f}, the test loss {losses[-1]:.3f}."
    )
    if lowest == len(losses) - 1:
        return f"Its test loss still falls when the steps run out. {end}"
    step = evaluations[lowest][0].step
    return (
        f"Its test loss is lowest at step {step:,}, {losses[lowest]:.3f}: what it learns from there on "
        f"helps it with its training images alone. {end}"
    )
