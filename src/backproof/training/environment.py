"""Describe the machine and the code that produced a run."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import threadpoolctl

from backproof import __version__
from backproof.training.record import Environment

_COMPUTING_LIBRARIES = {"numpy": "numpy", "torch": "torch", "cv2": "opencv-python-headless"}
"""What is installed, by the name under which it is imported."""


def describe(device: str = "cpu") -> Environment:
    """Return this process's libraries, those that it has imported, and the threads that they use."""
    loaded = [name for module, name in _COMPUTING_LIBRARIES.items() if module in sys.modules]
    versions = {"python": platform.python_version(), "backproof": __version__}
    versions |= {name: version(name) for name in loaded}
    threads: dict[str, int] = {}
    for pool in threadpoolctl.threadpool_info():
        library = pool["internal_api"]
        # Of several pools of one kind the first counts: NumPy's, as it is imported before all others.
        threads.setdefault(library, pool["num_threads"])
        if pool.get("version"):
            versions.setdefault(library, f"{pool['version']} ({pool.get('architecture', 'unknown kernels')})")
    return Environment(
        versions=versions,
        platform=platform.platform(),
        cpu=_cpu(),
        device=device,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=threads,
        commit=_commit(),
    )


def peak_rss_mb() -> float | None:
    """Return this process's largest resident memory so far in MB (10⁶ bytes), None where no call tells it."""
    if sys.platform == "linux":
        # Not getrusage, whose figure a process inherits from the one that started it.
        peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        return int(peak[1]) * 1024 / 1e6 if peak else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _cpu() -> str:
    """Return the processor's name as the system tells it."""
    try:
        named = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        named = None
    return named[1] if named else platform.processor() or platform.machine()


def _commit() -> str | None:
    """Return the commit of this very source file, if git tracks it; an installed copy has none."""
    here = Path(__file__)
    try:
        for command in (
            ["ls-files", "--error-unmatch", here.name],
            ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        ):
            done = subprocess.run(
                ["git", "-C", here.parent, *command], capture_output=True, text=True, check=True, timeout=10
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
