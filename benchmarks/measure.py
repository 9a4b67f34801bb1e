"""Time things side by side: rounds that take turns, medians, ratios within a round."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """What one process took, from start to exit, and what it printed."""

    seconds: float
    output: str


def run_process(*arguments: object, cwd: Path | None = None) -> Process:
    """Run this Python with arguments, and end the benchmark if it fails."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=cwd)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(
            f"benchmark failed with exit code {done.returncode}: {' '.join(map(str, arguments))}"
        )
    return Process(seconds, done.stdout)


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median duration of a call."""
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations)


def medians_in_turns(
    calls: dict[str, Callable[[], object]], rounds: int, repeats: int
) -> dict[str, list[float]]:
    """Return each call's median of every round; within a round all take turns, so drift hits all alike."""
    for call in calls.values():
        call()
    medians: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            medians[name].append(median_seconds(call, repeats))
    return medians


def median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of one call's time divided by another's."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
