"""Tell backproof's own code, the reference, from a submission's."""

import contextlib
import functools
from hashlib import sha256
from pathlib import Path

from backproof.checker.course_files import course_folder
from backproof.errors import ConfigError

PACKAGE = Path(__file__).parents[1]


def is_reference(module: str, content: bytes) -> bool:
    """Tell whether a file is the reference's: a module of a package called backproof, or a verbatim copy.

    A verbatim copy has the bytes of a file of this package or of its course folder, whatever it is called.
    One changed letter makes another file of it: this keeps the reference from proving itself, and finds no
    plagiarism.
    """
    return module.partition(".")[0] == "backproof" or sha256(content).hexdigest() in _hashes()


def is_own_folder(folder: Path) -> bool:
    """Tell whether this is the very folder of course files that comes with this package, no copy of it."""
    with contextlib.suppress(ConfigError):  # a hand-in's own copy of the package comes without
        return folder.samefile(course_folder())
    return False


@functools.cache
def _hashes() -> frozenset[str]:
    files = list(PACKAGE.rglob("*.py"))
    with contextlib.suppress(ConfigError):
        files += course_folder().glob("*.py")
    contents = (file.read_bytes() for file in files)
    return frozenset(sha256(content).hexdigest() for content in contents if content.strip())
