"""How much a submission may use, and the limits that the kernel enforces."""

import contextlib
import os
import resource
import stat
from dataclasses import dataclass
from pathlib import Path

MAX_PROCESSES, MAX_OPEN_FILES, MAX_FILES = 64, 256, 20_000
PAST_ALL_LIMITS = 1 << 62
FILES_IN_ALL = 8
"""The files that a submission leaves may take so many times one file's limit."""


@dataclass(frozen=True)
class Limits:
    """How much a submission may use."""

    seconds: float = 10.0
    """Of one request: time of a processor, or of the clock where it just waits."""
    memory_mb: int = 4096
    """Of one process, as allocated, and of all processes together, as resident."""
    file_mb: int = 64
    """Of one file; eight times that for all of them."""
    start_seconds: float = 60.0
    """The same of the import of one module; and of the child's start, by the clock."""


def limit_this_process(limits: Limits) -> None:
    """Set what the kernel can hold a process and its children to.

    Memory is limited as data (private and writable), not as address space: torch maps far more than it uses.
    """
    bounds = {
        resource.RLIMIT_DATA: limits.memory_mb << 20,
        resource.RLIMIT_FSIZE: limits.file_mb << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
    }
    if os.getuid():  # root is exempt; threads of all the user's processes count, hence the room
        bounds[resource.RLIMIT_NPROC] = 4096
    for resource_id, bound in bounds.items():
        with contextlib.suppress(ValueError, OSError):  # a lower limit is set already
            resource.setrlimit(resource_id, (bound, bound))


def disk_space_of(folder: str) -> int:
    """Return what a folder's files take, in bytes; past all limits if they are too many, or cannot be seen.

    What vanishes meanwhile is not counted.
    """
    total, left, count = 0, [folder], 0
    while left and count < MAX_FILES:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    count += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:  # locked, or too deep to have a path
            return PAST_ALL_LIMITS
    return total if count < MAX_FILES else PAST_ALL_LIMITS


def deleted_files_of(pid: int) -> int:
    """Return what a process's open files take that no folder holds: deleted ones, or ones in memory alone."""
    total = 0
    for fd in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):  # closed meanwhile
            file = fd.stat()
            if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                total += file.st_blocks * 512
    return total
