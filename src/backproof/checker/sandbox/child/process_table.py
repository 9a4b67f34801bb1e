"""Read the process table, and kill all descendants of a process."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A row of the process table."""

    parent: int
    group: int
    resident: int
    """Bytes."""
    processor_seconds: float
    is_waiting: bool
    """It asks for no processor, and for no disk."""


def count_processes() -> int:
    """Count all processes, the dead that nobody waited for included: quick, whatever their number."""
    return sum(entry.name.isdigit() for entry in Path("/proc").iterdir())


def processes() -> dict[int, Process]:
    """Return all living processes by their id, those that are dead but not waited for left out."""
    if not Path("/proc/self/stat").exists():
        return _processes_of_ps()
    table, page, tick = {}, resource.getpagesize(), os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # The name, in brackets, may hold anything, brackets too: go on after the last one.
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] not in (b"Z", b"X"):
                table[int(entry.name)] = Process(
                    parent=int(fields[1]),
                    group=int(fields[2]),
                    resident=int(fields[21]) * page,
                    processor_seconds=(int(fields[11]) + int(fields[12])) / tick,
                    is_waiting=fields[0] not in (b"R", b"D"),
                )
    return table


def _processes_of_ps() -> dict[int, Process]:
    """Do the same where there is no /proc."""
    command = ["/bin/ps", "-axo", "pid=,ppid=,pgid=,rss=,time=,stat="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ps:
        rows = [line.split() for line in ps.stdout or ()]
    return {
        int(pid): Process(
            int(parent), int(group), int(resident) << 10, _seconds_of(duration), state[0] not in "RDU"
        )
        for pid, parent, group, resident, duration, state in rows
        if not state.startswith("Z") and int(pid) != ps.pid
    }


def _seconds_of(duration: str) -> float:
    """Read what ps writes: minutes and seconds, also with hours and days before them."""
    parts = reversed(duration.replace("-", ":").split(":"))
    return sum(float(part) * unit for part, unit in zip(parts, (1, 60, 3600, 86400), strict=False))


def descendants(root: int, table: dict[int, Process]) -> list[int]:
    """Return the ids of all that ``root`` started, and that they started."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    pids = list(children.get(root, []))
    for pid in pids:  # grows during the loop
        pids += children.get(pid, [])
    return pids


def memory_of(pids: list[int], table: dict[int, Process], enough: int) -> int:
    """Return the memory that processes hold together, in bytes; shared pages count once if it matters.

    Resident sizes count what a fork shares once for each process, but are quick to read: only where their sum
    exceeds ``enough`` are the shares read.
    """
    total = sum(table[pid].resident for pid in pids)
    return total if total <= enough else sum(_share(pid, table[pid].resident) for pid in pids)


def _share(pid: int, otherwise: int) -> int:
    """Return a process's share of the memory that it uses, where the kernel tells."""
    with contextlib.suppress(OSError, IndexError, ValueError):  # ended, or it hides
        rollup = Path("/proc", str(pid), "smaps_rollup").read_text()
        return int(rollup.partition("\nPss:")[2].split()[0]) << 10
    return otherwise


def kill_descendants(seconds: float) -> bool:
    """Kill all that this process started; tell whether none is left after so many seconds.

    This process has to be a subreaper, so that orphans count as its children, and must not be in the process
    group of any of them. The first process of a namespace kills all others by one call, and no fork comes
    between. Elsewhere that holds for each process group, which are stopped first, and killed then.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        table = processes()
        pids = descendants(os.getpid(), table)
        if not pids:
            return True
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            _kill_groups({table[pid].group for pid in pids})
        reap_children()
    return False


def kill_bearing(mark: str, seconds: float) -> None:
    """Kill the processes that started with ``mark`` in their environment; none without /proc."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        groups = set()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes():
                    groups.add(os.getpgid(int(entry.name)))
        if not groups:
            return
        _kill_groups(groups)


def _kill_groups(groups: set[int]) -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)


def reap_children() -> dict[int, int]:
    """Wait for the children that ended; return their wait statuses by id."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (waited := os.waitpid(-1, os.WNOHANG))[0]:
            pid, ended[pid] = waited
    return ended
