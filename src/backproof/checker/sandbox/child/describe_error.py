"""Describe an exception in a worker to the checker."""

from traceback import walk_tb

from .serialization import RefusedError


class MissingError(Exception):
    """What a request refers to is not there."""


def describe(error: BaseException, folder: str, memory_mb: int) -> tuple[str, str, str]:
    """Say what an exception is: its kind, a line for people, and where it was raised."""
    where = submission_line(error, folder)
    try:
        text = " ".join(str(error).replace(folder, "").split())
    except BaseException:  # of the submission's own making
        text = ""
    typed = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, MissingError):
        return "missing", text, where
    if isinstance(error, RefusedError):
        return "refused", text, where
    if isinstance(error, NotImplementedError):
        return "not implemented", typed, where
    if isinstance(error, SystemExit):
        return "killed", f"the code ended the program: sys.exit({text})", where
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return "killed", f"out of memory: more than the {memory_mb} MB allowed ({typed})", where
    if isinstance(error, ModuleNotFoundError):
        return "crashed", f"{typed}, where the check runs: install it there, if it is a library", where
    return "crashed", typed, where


def submission_line(error: BaseException, folder: str) -> str:
    """Return the innermost line of the submission's own code, as file:line; "" if it has no part in it."""
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        lines.append((str(error.filename), error.lineno or 0))
    own = [f"{file[len(folder) :]}:{line}" for file, line in lines if file.startswith(folder)]
    return own[-1] if own else ""
