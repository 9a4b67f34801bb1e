"""Make a new run's folder: whole, with the first checkpoint in it, under a name that was free."""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from backproof.errors import RunError
from backproof.files import atomic_folder

_NAMES_TRIED = 100
_NAME_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


def require_free(out: Path) -> None:
    """Refuse a folder that exists (RunError)."""
    if os.path.lexists(out):
        raise RunError(f"{out} exists already and is left as it is; choose another --out, or --resume {out}")


def make(out: Path | None, recipe: str, save: Callable[[Path], None]) -> Path:
    """Make ``out``, or ``runs/<recipe>-<time>``, have ``save`` write into it, and return it (RunError)."""
    try:
        return _make_first_free([out] if out is not None else _default_folders(recipe), save)
    except OSError as error:
        raise RunError(
            f"cannot make the run's folder {out or Path('runs')}: {error.strerror}; "
            "name another place with --out"
        ) from None


def _make_first_free(folders: Iterable[Path], save: Callable[[Path], None]) -> Path:
    """Make the first folder whose name is free (OSError)."""
    taken = OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    for folder in folders:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with atomic_folder(folder) as temporary:
                save(temporary)
            return folder
        except OSError as error:
            if error.errno not in _NAME_TAKEN:
                raise
            taken = error
    raise taken


def _default_folders(recipe: str) -> Iterator[Path]:
    """Yield runs/<recipe>-<time>, then the same with -2, -3, … for runs started in the same second."""
    first = Path("runs") / f"{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    yield first
    for number in range(2, _NAMES_TRIED + 1):
        yield first.with_name(f"{first.name}-{number}")
