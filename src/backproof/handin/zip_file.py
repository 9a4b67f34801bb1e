"""The hand-in as one zip file: the report, and code that runs wherever its libraries are installed."""

import io
import os
import re
import unicodedata
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

from backproof.checker.course_files import course_folder
from backproof.errors import ConfigError
from backproof.files import write_atomically

TOP = "assignment_1"
CODE = f"{TOP}/code"
PACKAGE = Path(__file__).parents[1]
README = """\
report.pdf         the report
code/              the assignment's files
code/backproof/    the package that they use; it need not be installed
requirements.txt   the libraries that they need, in the versions that they ran with

To run the code, with Python 3.11 or newer, from this folder:

    python -m pip install -r requirements.txt
    cd code
    python unittests.py
    python custom_batchnorm.py
    python train_mlp_numpy.py --data_dir PATH
    python train_mlp_pytorch.py --data_dir PATH
    python train_convnet_pytorch.py --data_dir PATH

PATH is the folder with CIFAR-10's six batch files. Without the flag they are looked for in
code/cifar10/cifar-10-batches-py, then fetched. Each training puts its curves and its record into a
new folder in code/runs; --help lists the other flags.
"""


def file_name(lastname: str) -> str:
    """Return the zip file's name as the assignment asks for it (ConfigError for a name that is no word)."""
    if not any(map(str.isalpha, lastname)) or not all(map(_in_a_name, lastname)):
        raise ConfigError(
            f"the last name {lastname!r} may have letters, digits, hyphens, underscores and apostrophes, and "
            "nothing else; write several words as in van-den-Berg"
        )
    return f"{lastname}_assignment1.zip"


def contents(report: Path) -> dict[str, bytes]:
    """Return all that is handed in: bytes by names in the zip file, the report taken from its folder.

    Raises ConfigError if the report is missing, or the course's files, or what backproof needs is unknown.
    """
    course = course_folder()
    files = {
        f"{TOP}/report.pdf": _read_report(report / "report.pdf"),
        f"{TOP}/README.txt": README.encode(),
        f"{TOP}/requirements.txt": "".join(f"{line}\n" for line in _pinned()).encode(),
        f"{TOP}/LICENSE": _license(),
    }
    files |= {f"{CODE}/{path.name}": path.read_bytes() for path in course.glob("[!.]*.py")}
    for path in PACKAGE.rglob("*"):
        inside = path.relative_to(PACKAGE)
        if path.is_file() and _is_source(inside):
            files[f"{CODE}/{PACKAGE.name}/{inside.as_posix()}"] = path.read_bytes()
    return files


def write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a zip file of these contents, whose bytes depend on nothing else.

    Raises ConfigError if the path is taken or cannot be written.
    """
    content = io.BytesIO()
    # Stored, not compressed: versions of zlib differ in their bytes, and the PDF would hardly shrink.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # dated 1980, where zip's calendar begins
            entry.create_system = 3  # Unix on every system, for the permissions
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    if os.path.lexists(path):
        raise ConfigError(f"{path} exists already and is not overwritten; move or delete it first")
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise ConfigError(f"cannot write {path} in this folder: {error.strerror}") from None


def _in_a_name(character: str) -> bool:
    """Return whether it is a letter of any script, a mark on one, a digit or a name's own punctuation."""
    return unicodedata.category(character)[0] in "LM" or character.isdecimal() or character in "-_'’"


def _is_source(inside: Path) -> bool:
    """Return whether a file is the package's own: no cache, not hidden, no copy of the course."""
    return inside.parts[0] != "assignment_1" and not any(
        part == "__pycache__" or part.startswith(".") for part in inside.parts
    )


def _read_report(pdf: Path) -> bytes:
    try:
        content = pdf.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            f"there is no report {pdf} yet; make it with `backproof reproduce`, or `backproof report RUNS` "
            "from finished runs, or name its folder with --report"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {pdf}: {error.strerror}") from None
    if not content.startswith(b"%PDF-"):
        raise ConfigError(f"{pdf} is no PDF; make the report anew")
    return content


def _license() -> bytes:
    """Return the text that every copy of this code has to come with."""
    return (distribution("backproof").read_text("licenses/LICENSE") or "").encode()


def _pinned() -> list[str]:
    """Return what backproof itself needs, PyTorch included, each library in the version installed here."""
    try:
        declared = requires("backproof") or []
    except PackageNotFoundError:
        raise ConfigError("backproof is not installed, so what it needs is unknown; pip install it") from None
    lines = []
    for line in declared:
        requirement, _, marker = line.partition(";")
        if "extra" not in marker:
            lines.append(_pin(line))
        elif "torch" in marker:
            lines.append(_pin(requirement))
    return sorted(lines)


def _pin(requirement: str) -> str:
    """Pin a requirement to the version installed here; one that is not installed stays as it is declared."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    try:
        # Without a local part: 2.13.0+cpu is in no index but PyTorch's own.
        return f"{name}=={version(name).partition('+')[0]}"
    except PackageNotFoundError:
        return requirement.strip()
