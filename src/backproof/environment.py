"""Describe the machine and the code that produced a run."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import threadpoolctl

from backproof.record import Environment

_COMPUTING_LIBRARIES = ("numpy", "torch")


def describe() -> Environment:
    """Describe this process as it is now: libraries that it has imported, threads that they use."""
    loaded = [name for name in _COMPUTING_LIBRARIES if name in sys.modules]
    versions = {"python": platform.python_version()} | {
        name: version(name) for name in ("backproof", *loaded)
    }
    threads = {}
    for pool in threadpoolctl.threadpool_info():
        library = pool["internal_api"]
        threads[library] = pool["num_threads"]
        if pool.get("version"):
            versions[library] = f"{pool['version']} ({pool.get('architecture', 'unknown kernels')})"
    return Environment(
        versions=versions,
        platform=platform.platform(),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=threads,
        commit=_commit(),
    )


def peak_rss_mb() -> float | None:
    """Return this process's largest resident memory so far in MB (10⁶ bytes), None where no call tells it."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _cpu() -> str:
    """Return the processor's name as the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """Return the commit of this very source file, if git tracks it; an installed copy has none."""
    here = Path(__file__)
    try:
        for command in (
            ["ls-files", "--error-unmatch", here.name],
            ["describe", "--always", "--dirty", "--abbrev=40"],
        ):
            done = subprocess.run(
                ["git", "-C", here.parent, *command], capture_output=True, text=True, check=True, timeout=10
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
