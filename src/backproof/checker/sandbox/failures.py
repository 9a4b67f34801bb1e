"""Say in one line why there is no answer."""

import os
import signal
from dataclasses import dataclass

from backproof.checker.calls import Answer, Failure

MAX_LINE = 300


@dataclass(frozen=True)
class Ending:
    """How a worker ended, as the supervisor reports it; the defaults if that was killed itself."""

    is_clean: bool = False
    """All that the worker started is gone too."""
    status: int | None = None
    """As of os.waitpid."""
    reason: str = ""
    """Which limit of all its processes together was exceeded."""
    output: str = ""
    """The end of what was printed."""

    @property
    def cause(self) -> str:
        """Say why the worker ended."""
        if self.reason:
            return f"ended by the checker: {self.reason}"
        if self.status is None:
            return "the process, or the sandbox around it, was ended, apparently by the submission"
        if os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
            return f"the process was ended by {name}" + (
                ": a segmentation fault" if name == "SIGSEGV" else ""
            )
        code = os.waitstatus_to_exitcode(self.status)
        last_line = self.output.strip().rpartition("\n")[2]
        printed = f"; its last line of output: {last_line}" if last_line else ""
        return f"the process ended itself with exit code {code}{printed}"


def failure_answer(kind: str, message: str, where: str = "") -> Answer:
    """Return an answer that is a failure, with text that may come from the submission."""
    return Answer(failure=Failure(kind, printable(message), printable(where)))


def printable(text: str) -> str:
    """Return text as one printable line of bounded length."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:2000])
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
