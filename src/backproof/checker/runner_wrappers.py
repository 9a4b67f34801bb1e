"""Wrap a runner: to stop at backproof's own code, or when a question's time is used up."""

from collections.abc import Sequence

from backproof.checker.calls import Answer, Failure, Request, Runner, SubmissionError
from backproof.checker.sandbox import Session

_SECONDS_A_QUESTION = 30.0
"""What the submission may take of a processor for a question; right code takes a few seconds at most."""


class TimeLimitedRunner:
    """A runner that stops when the submission has used a question's processor time."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.used = 0.0

    @property
    def is_over(self) -> bool:
        """Tell whether the question's time is used up."""
        return self.used > _SECONDS_A_QUESTION

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """Send requests as long as there is time left (SubmissionError)."""
        answers = []
        for request in requests:
            if self.is_over:
                raise SubmissionError(
                    Failure("too slow", f"it takes more than {_SECONDS_A_QUESTION:.0f} s of a processor")
                )
            answers += self._runner.run([request])
            self.used += answers[-1].processor_seconds
        return answers

    def reset(self) -> None:
        """Forget everything but the time."""
        self._runner.reset()


class ReferenceRanError(Exception):
    """Raised when reference code has run instead of the submission's own."""


class NoReferenceRunner:
    """A runner that stops as soon as reference code has run (ReferenceRanError)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """Send requests, one by one."""
        answers = []
        for request in requests:
            answers += self._session.run([request])
            if self._session.ran_reference:
                raise ReferenceRanError
        return answers

    def reset(self) -> None:
        """Forget everything: a new process."""
        self._session.reset()
