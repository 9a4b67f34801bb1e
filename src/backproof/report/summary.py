"""Runs of one recipe in numbers: the last step's accuracy, mean and standard deviation over the seeds."""

import statistics
from collections.abc import Sequence

from backproof.record import RunRecord

REFERENCE = {
    "mlp-numpy": "0.46",
    "mlp-torch": "0.46",
    "mlp-deep-adam": "0.50",
    "mlp-deep-adam-3000": "0.50 … 0.52",
    "mlp-deep-l2": "0.52",
    "mlp-deep-batchnorm": "0.54",
    "convnet": "0.75",
}
"""What the assignment, and one finished report of it, came to on CIFAR-10."""


def accuracies(records: Sequence[RunRecord]) -> list[float]:
    """Return the last step's accuracies on the test set."""
    return [record.final["test_accuracy"] for record in records]


def mean_and_spread(values: Sequence[float]) -> str:
    """Write a mean with its sample standard deviation; of one value there is none."""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def seconds(records: Sequence[RunRecord]) -> float:
    """Return the median of the runs' seconds."""
    return statistics.median(record.seconds for record in records)


def seeds(records: Sequence[RunRecord]) -> str:
    """Name the seeds."""
    return ", ".join(str(record.seed) for record in records)


def sentence(records: Sequence[RunRecord]) -> str:
    """Say what a recipe came to, for use after "has"."""
    count = f"over {len(records)} seeds" if len(records) > 1 else f"with seed {records[0].seed}"
    return f"an accuracy of {mean_and_spread(accuracies(records))} on the test set ({count})"
