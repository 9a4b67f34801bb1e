"""Check one class of one file, in the sandbox, by derivatives of its own forward pass."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from time import perf_counter

from backproof.checker.calls import SubmissionError
from backproof.checker.check_report import CheckReport, Finding
from backproof.checker.outcome import failure_outcome
from backproof.checker.runner_wrappers import TimeLimitedRunner
from backproof.checker.sandbox import Session
from backproof.checker.submission_folder import COURSE_FILES, FolderError, as_folder_errors
from backproof.checker.user_layer import UserLayer
from backproof.checker.versions import versions
from backproof.errors import ConfigError


def check_class(file: Path, class_name: str, *, seed: int = 0) -> CheckReport:
    """Check the gradients of one layer or loss, with its params and grads if it has them.

    A layer has forward(x) and backward(dout), a loss forward(x, targets) and backward(x, targets). It is made
    as an ``example`` in the file says, or by guessing. Raises ConfigError where there is no such class, where
    it is PyTorch's, where no guess makes it, and where its parameters cannot be read; FolderError for files
    that cannot.
    """
    if not file.is_file() or file.suffix != ".py":
        raise ConfigError(f"{file}: not a Python file")
    start = perf_counter()
    with _copied(file) as (folder, module), _session(folder, file) as session:
        own = UserLayer(TimeLimitedRunner(session), file, module, class_name, seed)
        try:
            own.must_exist()
            outcomes = own.outcomes()
        except SubmissionError as error:
            outcomes = {"": failure_outcome(error.failure)}
        files, isolation = session.files(), session.isolation
    target = f"{file}:{class_name}"
    return CheckReport(
        folder=target,
        findings=[
            Finding(
                id=f"module/{class_name}" + (f".{name}" if name else ""),
                question="module",
                title=f"{class_name}: {name}" if name else f"{class_name} runs",
                verdict=outcome.verdict,
                points=1.0,
                cause=outcome.cause,
                explanation=outcome.explanation,
                hint=outcome.hint,
                note=outcome.note,
                evidence=outcome.evidence,
                rerun=f"backproof check module {quote(target)} --seed {seed}",
            )
            for name, outcome in outcomes.items()
        ],
        files=files,
        isolation=isolation,
        versions=versions(),
        seconds=perf_counter() - start,
        seed=seed,
    )


@contextlib.contextmanager
def _copied(file: Path) -> Iterator[tuple[Path, str]]:
    """Copy a file and its neighbours into a folder of the course's layout; give the module's name there."""
    module = re.sub(r"\W|^(?=\d)", "_", file.stem)
    with tempfile.TemporaryDirectory(prefix="backproof-module-") as name:
        for neighbour in file.parent.glob("*.py"):
            with contextlib.suppress(OSError):  # one that is needed and not there fails at its import
                shutil.copy(neighbour, name)
        with as_folder_errors():
            shutil.copy(file, Path(name, f"{module}.py"))
        Path(name, COURSE_FILES[0]).touch()
        yield Path(name), module


def _session(copy: Path, file: Path) -> Session:
    try:
        return Session(copy)
    except FolderError as error:  # of the user's folder, not of its copy
        raise FolderError(str(error).replace(str(copy), str(file.parent))) from None
