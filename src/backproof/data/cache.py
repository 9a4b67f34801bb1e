"""The folder in which fetched and prepared data are kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import platformdirs

from backproof.errors import DataError


def cache_folder() -> Path:
    """Return $BACKPROOF_CACHE, else the platform's cache folder for this program."""
    chosen = os.environ.get("BACKPROOF_CACHE")
    return (
        Path(chosen).expanduser()
        if chosen
        else Path(platformdirs.user_cache_dir("backproof", appauthor=False))
    )


def is_cached(path: Path) -> bool:
    """Tell whether a file or folder of the cache is there; where nobody may look, nothing is."""
    try:
        return path.exists()
    except OSError:
        return False


def expanded(path: Path) -> Path:
    """Replace a leading ~ by the home folder, as the shell does only at a word's start."""
    try:
        return path.expanduser()
    except RuntimeError:  # no such user: then it is a name like any other
        return path


@contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Let one process at a time, of all on this machine, work at ``name`` in the cache (DataError)."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache_folder() / f"{name}.lock"):
            yield
    except OSError as error:
        raise DataError(
            f"cannot write to the cache folder {cache_folder()}: {error.strerror or error}; "
            "set BACKPROOF_CACHE to a folder with room that you may write to"
        ) from None
