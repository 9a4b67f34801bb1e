"""The report of `backproof check`, which is its JSON as well."""

from typing import Any, Literal

import msgspec

SCHEMA = "backproof.check/1"
Verdict = Literal["right", "wrong", "crashed", "not implemented", "too slow", "not run"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where exactly something is wrong: the smallest case that shows it."""

    parameter: str
    """What is compared, such as grads['bias'] or the returned dx."""
    index: list[int] = []
    """Of the worst entry."""
    expected: float | str | None = None
    got: float | str | None = None
    shapes: dict[str, list[int]] = {}
    """Of the smallest input that still shows it."""
    inputs: dict[str, Any] = {}
    """That input itself, as nested lists; left out under --hints."""
    relative_error: float | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check's outcome."""

    id: str
    """Unique and stable, such as 1.2/linear.db."""
    question: str
    """Its number, such as 3.2b; "module" for a class of one's own."""
    title: str
    verdict: Verdict
    points: float
    """What it is worth."""
    cause: str = ""
    """By its name in backproof.checker.causes; empty where it is right, or nothing could be compared."""
    explanation: str = ""
    """One or two sentences for people: what is wrong and where."""
    hint: str = ""
    """The same without test data or solution, for students."""
    note: str = ""
    """A remark that costs no points, such as that float64 comes out where float32 went in."""
    evidence: Evidence | None = None
    rerun: str = ""
    """The command that runs this check alone."""
    seconds: float = 0.0


class RanFile(msgspec.Struct, frozen=True):
    """A file whose code ran."""

    path: str
    sha256: str
    origin: Literal["submission", "reference"]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found in one folder."""

    schema: str = SCHEMA
    folder: str
    findings: list[Finding]
    files: list[RanFile]
    isolation: str
    """How the submission was isolated: "bubblewrap, no network", or what was missing."""
    versions: dict[str, str] = {}
    seconds: float = 0.0
    seed: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether checks ran and all were right: no check at all is a failure."""
        return bool(self.findings) and all(finding.verdict == "right" for finding in self.findings)
