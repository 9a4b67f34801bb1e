"""A check of a submission, and its outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Failure, Runner
from backproof.checker.causes import Cause
from backproof.checker.check_report import Evidence, Verdict
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import Mistake

_VERDICTS: Mapping[str, Verdict] = {
    "crashed": "crashed",
    "killed": "crashed",
    "missing": "not implemented",
    "not implemented": "not implemented",
    "too slow": "too slow",
}
_HINTS: Mapping[Verdict, str] = {
    "crashed": "The code stops with an error: call it by hand with a small random batch, also of one sample.",
    "not implemented": "Something that the assignment asks for is missing: compare the names.",
    "too slow": "It takes far too long: look for loops that do not end, and for loops over samples.",
}


@dataclass(frozen=True)
class Outcome:
    """The result of one check."""

    verdict: Verdict
    cause: str = ""
    """By its name in backproof.checker.causes; empty where it is right, or nothing could be compared."""
    explanation: str = ""
    hint: str = ""
    evidence: Evidence | None = None
    note: str = ""
    """A remark that costs no points."""


RIGHT = Outcome("right")
CheckFunction = Callable[[Runner, np.random.Generator], Outcome]


@dataclass(frozen=True)
class Check:
    """One property of a submission that is checked."""

    id: str
    """Unique and stable: question/thing.property, such as 1.2/linear.db."""
    points: float
    """What it is worth beside the other checks of its question."""
    title: str
    run: CheckFunction
    """Raises SubmissionError or OutcomeError where it cannot go on."""

    @property
    def question(self) -> str:
        """The question's number."""
        return self.id.partition("/")[0]


class OutcomeError(Exception):
    """Raised where a check's outcome is decided before its end; carries it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.explanation)
        self.outcome = outcome


def wrong(cause: Cause, explanation: str, evidence: Evidence, hint: str = "") -> Outcome:
    """Return the outcome "wrong"; the hint is the cause's own unless another is given."""
    return Outcome("wrong", cause.name, explanation, hint or cause.hint, evidence)


def wrong_value(mistake: Mistake, comparison: Comparison) -> Outcome:
    """Return the outcome "wrong" for a value with a mistake, and the case that shows it."""
    return wrong(
        mistake.cause, f"{comparison.parameter} {mistake.what}.", comparison.evidence(), mistake.hint
    )


def failure_outcome(failure: Failure) -> Outcome:
    """Return the outcome for a failure of the submission's code, which is no wrong value."""
    where = f" ({failure.where})" if failure.where else ""
    if failure.kind == "refused":
        if "NoneType" not in failure.message:
            evidence = Evidence(parameter="the value", expected="numbers", got=failure.message)
            return wrong(causes.WRONG_SHAPE, f"{failure.message}{where}", evidence)
        failure = Failure("not implemented", "nothing is returned (None) where a value is due")
    verdict = _VERDICTS[failure.kind]
    return Outcome(verdict, explanation=f"{failure.message or failure.kind}{where}", hint=_HINTS[verdict])
