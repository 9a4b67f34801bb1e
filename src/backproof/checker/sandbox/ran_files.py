"""Record which files ran: their paths, their hashes, and whether they are the submission's."""

import os
from hashlib import sha256
from pathlib import Path

from backproof.checker.check_report import RanFile
from backproof.checker.reference import is_reference
from backproof.checker.sandbox.failures import printable
from backproof.checker.submission_folder import MAX_FILE_BYTES, MAX_FILES


class RanFiles:
    """What workers say that they imported; hashes are of the folder as it was read, where it has the file.

    A submission can hide a file from its worker on purpose.
    """

    def __init__(self, source: dict[str, bytes], prefix: Path) -> None:
        """``source`` has the folder's files by their path in it, which ``prefix`` leads to for readers."""
        self._source, self._prefix = source, prefix
        self._files: dict[str, RanFile] = {}

    def note(self, module: str, file: str, folder: Path) -> None:
        """Keep that a worker imported a module, in the copy ``folder``; other libraries are left out."""
        path = Path(os.path.normpath(file))
        if path.is_relative_to(folder):
            inside = str(path.relative_to(folder))
            name = self._prefix / inside
            content = self._source[inside] if inside in self._source else _read(path)
        elif module.partition(".")[0] == "backproof" and path.suffix == ".py":
            depth = 1 + path.parts[::-1].index("backproof") if "backproof" in path.parts else 1
            name, content = Path(*path.parts[-depth:]), _read(path)
        else:
            return
        if content is not None and len(self._files) < MAX_FILES:
            path_text, digest = printable(str(name)), sha256(content).hexdigest()
            is_theirs = not is_reference(module, content)
            self._files[path_text] = RanFile(path_text, digest, "submission" if is_theirs else "reference")

    def has_reference(self) -> bool:
        """Tell whether one of them is the reference's."""
        return any(file.origin == "reference" for file in self._files.values())

    def all(self) -> list[RanFile]:
        """Return all so far, by path."""
        return [self._files[name] for name in sorted(self._files)]


def _read(path: Path) -> bytes | None:
    """Read a file of bounded size that the submission may have made; no link, no pipe."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            return file.read(MAX_FILE_BYTES) if path.is_file() else None
    except (OSError, ValueError):  # no path at all
        return None
