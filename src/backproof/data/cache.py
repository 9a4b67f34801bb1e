"""The folder in which fetched and prepared data are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from backproof.errors import DataError
from backproof.files import cache_folder


def is_cached(path: Path) -> bool:
    """Tell whether a file or folder of the cache exists; False too where reading it is not allowed."""
    try:
        return path.exists()
    except OSError:
        return False


def expand_home(path: Path) -> Path:
    """Replace a leading ~ by the home folder; the shell leaves it in --data-dir=~/data."""
    try:
        return path.expanduser()
    except RuntimeError:  # no such user: then it is a name like any other
        return path


@contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Hold the cache's lock of this name: one process of this machine at a time (DataError)."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache_folder() / f"{name}.lock"):
            yield
    except OSError as error:
        raise DataError(
            f"cannot write to the cache folder {cache_folder()}: {error.strerror or error}; "
            "set BACKPROOF_CACHE to a folder with room that you may write to"
        ) from None
