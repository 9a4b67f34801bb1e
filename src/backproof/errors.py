"""Errors that the user can fix: each message is one line that says how."""


class BackproofError(Exception):
    """Base of the errors that the command line shows as one line, ending with exit code 2."""


class ConfigError(BackproofError):
    """A setting, a recipe's name or a settings file is wrong."""


class DataError(BackproofError):
    """A data set is missing, damaged or cannot be prepared."""


class RunError(BackproofError):
    """A run's folder, checkpoint or record cannot be read or written."""


class DivergedError(BackproofError):
    """The loss became infinite or NaN."""


class LostProcessError(BackproofError):
    """Another process of a distributed training has ended or cannot be reached."""


class StudyError(BackproofError):
    """A search's study cannot be reached, or is another one."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory did not suffice.

    PyTorch has no MemoryError: of a processor's memory only the text tells, a GPU's has a class.
    """
    return (
        isinstance(error, MemoryError)
        or "can't allocate memory" in str(error)
        or type(error).__name__ == "OutOfMemoryError"
    )
