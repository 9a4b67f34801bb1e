"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that whoever opens it, whenever the machine stops, finds the old content or the new.

    Raises OSError, leaving the old file as it was and no temporary one.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_temporary_files(path: Path) -> None:
    """Remove the temporary files that killed writes of this file left; for when nobody else is writing it."""
    for temporary in path.parent.glob(f".{path.name}-????????"):
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def appearing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path`` that takes its name once the block has filled it with files.

    Raises OSError; ``path`` may exist only as an empty folder, and the folder above it has to exist. If the
    block fails, nothing is left behind.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        for entry in (*temporary.iterdir(), temporary):
            _sync(entry)
        temporary.rename(path)
        _sync(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk itself (folders: on POSIX only)."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    """Return the permissions that new files are denied; reading them means setting them for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
