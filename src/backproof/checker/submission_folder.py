"""Find a submission's code in its folder, and read the files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backproof.errors import BackproofError

COURSE_FILES = (
    "modules.py",
    "mlp_numpy.py",
    "mlp_pytorch.py",
    "custom_batchnorm.py",
    "convnet_pytorch.py",
    "train_mlp_numpy.py",
    "train_mlp_pytorch.py",
    "train_convnet_pytorch.py",
    "gradient_check.py",
    "cifar10_utils.py",
    "unittests.py",
)
MAX_FILE_BYTES, MAX_BYTES, MAX_FILES, MAX_DEPTH = 16 << 20, 64 << 20, 2000, 50


class FolderError(BackproofError):
    """There is no submission in the folder, or none that can be read."""


@contextmanager
def as_folder_errors() -> Iterator[None]:
    """Turn an OSError about a user's file into a FolderError."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"cannot read {error.filename}: {error.strerror}") from None


@as_folder_errors()
def code_folder(folder: Path) -> Path:
    """Find the folder with the course's files: the given one, its ``code`` or its ``assignment_1/code``.

    Raises FolderError if there is none.
    """
    home = folder.resolve()
    for candidate in (folder, folder / "code", folder / "assignment_1" / "code"):
        if candidate.resolve().is_relative_to(home) and any(
            (candidate / name).is_file() for name in COURSE_FILES
        ):
            return candidate
    problem = "has none of the course's files (modules.py, …)" if folder.is_dir() else "is not a folder"
    raise FolderError(f"{folder} {problem}: give the folder assignment_1, or its folder code")


@as_folder_errors()
def read_folder(folder: Path) -> dict[str, bytes]:
    """Read the files of a folder, by their path in it; links that lead out of it are not followed.

    Caches, hidden folders and files larger than 16 MB (data sets) are left out. Raises FolderError when more
    than 64 MB or 2,000 files remain.
    """
    home, contents, size = folder.resolve(), dict[str, bytes](), 0
    for parent, folders, names in os.walk(home):
        if len(Path(parent).relative_to(home).parts) > MAX_DEPTH:
            raise FolderError(f"{folder} has folders in folders, more than {MAX_DEPTH} deep")
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            file = Path(os.path.realpath(path))  # resolve() raises where links go round in a circle
            if not file.is_relative_to(home) or not file.is_file() or file.stat().st_size > MAX_FILE_BYTES:
                continue
            content = contents[str(path.relative_to(home))] = file.read_bytes()
            size += len(content)
            if size > MAX_BYTES or len(contents) > MAX_FILES:
                limits = f"{MAX_BYTES >> 20} MB or {MAX_FILES:,} files"
                raise FolderError(f"{folder} holds more than {limits}: take out what is not code")
    return contents
