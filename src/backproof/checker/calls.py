"""Requests to a submission's code, and the answers: data, never objects.

The code runs in a child process. Calls are sent to it in order, and name what they make, so that later calls
can use it. ``Ref("layer.grads['weight']")`` stands for something that an earlier call made, or a part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from backproof.arrays import Array


@dataclass(frozen=True)
class Ref:
    """Something that an earlier call made: its name, attributes and items, as in ``layer.params['bias']``."""

    path: str


@dataclass(frozen=True)
class Tensor:
    """An array that the child turns into a torch tensor."""

    array: Array
    requires_grad: bool = False


@dataclass(frozen=True)
class Call:
    """Call ``target`` (``modules.LinearModule``, ``layer.forward``) and keep what it returns as ``name``.

    Arguments are numbers, strings, lists, arrays, Tensors and Refs. A target whose first part was not made by
    an earlier call is a module of the submission, which is imported.
    """

    name: str
    target: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    counted: bool = False
    """Count the bytecodes that Python runs in it, which a loop over samples makes grow with the batch."""


@dataclass(frozen=True)
class Assign:
    """Write an array into what ``target`` refers to: into an array or tensor, else in place of it."""

    target: str
    value: Array


@dataclass(frozen=True)
class Fetch:
    """Return what ``target`` refers to; arrays and tensors as arrays, containers of them likewise."""

    target: str


Request = Call | Assign | Fetch


@dataclass(frozen=True)
class Failure:
    """Why a request has no value."""

    kind: str
    """crashed, missing (no such file, class, method or key), not implemented, too slow, killed (memory, exit,
    signal), refused (the answer is no data)."""
    message: str
    """One line for people: the exception's type and text, or which limit."""
    where: str = ""
    """The innermost line of the submission's own code, as file:line."""

    @property
    def is_about_arguments(self) -> bool:
        """Tell whether a call was given more or other arguments than it takes."""
        return "TypeError" in self.message and "argument" in self.message


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    value: Any = None
    """Arrays (never of objects), numbers, strings, None; lists and dicts of them. Tensors come as arrays."""
    failure: Failure | None = None
    seconds: float = 0.0
    """Of the clock, for the call alone."""
    bytecodes: int = 0
    """How many Python ran, if the call is counted."""
    changed: tuple[int, ...] = ()
    """Which of the arguments (by position), arrays, tensors or lists, the call wrote to."""
    processor_seconds: float = 0.0
    """Of a processor, whatever else the machine did."""


class SubmissionError(Exception):
    """Raised where a check cannot go on without an answer's value; carries the failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Runner(Protocol):
    """What checks ask of the sandbox."""

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """Send requests to the submission; an answer for each, in order."""

    def reset(self) -> None:
        """Forget everything: a new process."""


def need(answer: Answer) -> Any:
    """Return the value, or raise SubmissionError."""
    if answer.failure is not None:
        raise SubmissionError(answer.failure)
    return answer.value


def need_array(answer: Answer) -> Array:
    """Return the value as an array of numbers, or raise SubmissionError if it is something else."""
    value = need(answer)
    is_number = isinstance(value, np.ndarray | np.number | float | int)
    if not is_number or np.asarray(value).dtype.kind not in "fiub":
        raise SubmissionError(Failure("refused", f"expected an array of numbers, got {type(value).__name__}"))
    return np.asarray(value)


def need_scalar(answer: Answer) -> Array:
    """Return the value as ``need_array`` does, without axes if it is a single number."""
    value = need_array(answer)
    return value.reshape(()) if value.size == 1 else value


def optional_array(answer: Answer) -> Array | None:
    """Return the value as an array of numbers if it is one."""
    try:
        return need_array(answer)
    except SubmissionError:
        return None


def need_all(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers, or raise SubmissionError for the first that failed.

    That a call made an object, which is never sent back, is no failure.
    """
    for answer in answers:
        if answer.failure is not None and answer.failure.kind != "refused":
            need(answer)
    return list(answers)
