"""Files: where this program keeps its own, and how any are written: complete, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return $BACKPROOF_CACHE, else the platform's cache folder for this program."""
    chosen = os.environ.get("BACKPROOF_CACHE")
    return (
        Path(chosen).expanduser()
        if chosen
        else Path(platformdirs.user_cache_dir("backproof", appauthor=False))
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content in one move: readers get the old or the new, even after a crash.

    Raises OSError, leaving the old file unchanged and no temporary file.
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
    """Remove the temporary files of killed writes of this file; call it when no other process writes it."""
    for temporary in path.parent.glob(f".{path.name}-????????"):
        with suppress(OSError):
            temporary.unlink()


def remove_all_temporary_files(folder: Path) -> None:
    """Remove those of every file in a folder that holds nothing but what this program writes."""
    remove_temporary_files(folder / "*")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to ``path`` when the block has filled it with files.

    Raises OSError; ``path`` may exist only as an empty folder, and the folder above it has to exist. If the
    block fails, the temporary folder is removed.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        for written in (*temporary.iterdir(), temporary):
            _sync(written)
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
