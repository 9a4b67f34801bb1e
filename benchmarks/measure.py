"""Time things side by side: rounds that take turns, medians, ratios within a round."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    """What one process took, from start to exit."""

    seconds: float
    peak_mb: float
    output: str


def run_process(*arguments: object) -> Process:
    """Run this Python with arguments; its own peak memory is what the system counted for it."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(
            f"benchmark failed with exit code {process.returncode}: {' '.join(map(str, arguments))}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return Process(seconds, usage.ru_maxrss * unit / 1e6, output)


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
    return {
        name: list(column)
        for name, column in zip(
            calls,
            zip(
                *([median_seconds(call, repeats) for call in calls.values()] for _ in range(rounds)),
                strict=True,
            ),
            strict=True,
        )
    }


def median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of one call's time divided by another's."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
