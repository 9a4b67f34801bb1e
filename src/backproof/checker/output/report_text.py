"""Texts of a report that terminal, page and table share: points, and details of a check that isn't right."""

import math
from collections.abc import Iterator, Sequence

from backproof.checker.causes import WRONG_FORWARD_VALUE, WRONG_GRADIENT
from backproof.checker.check_report import CheckReport, Evidence, Finding
from backproof.checker.questions import CAUSES, QUESTIONS

SMALLEST = "smallest case"
_NAMELESS = ("", WRONG_GRADIENT.name, WRONG_FORWARD_VALUE.name)
"""Where no mistake was recognised."""


def by_question(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Sort findings into their questions, in the order in which these come."""
    questions: dict[str, list[Finding]] = {}
    for finding in findings:
        questions.setdefault(finding.question, []).append(finding)
    return questions


def group_by_explanation(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Group checks of a question that have the same explanation, those with a named cause first.

    What did not run for the same reason comes together whatever its question.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for question in by_question(findings).values():
        for finding in sorted(question, key=lambda finding: finding.cause in _NAMELESS):
            place = "" if finding.verdict == "not run" else finding.question
            explanation = finding.explanation or finding.hint or finding.id
            groups.setdefault((finding.verdict, place, explanation), []).append(finding)
    return list(groups.values())


def title(question: str) -> str:
    """Return what a question is about; "" for a number that the assignment lacks."""
    return QUESTIONS[question].title if question in QUESTIONS else ""


def points(findings: Sequence[Finding]) -> tuple[float, float]:
    """Return the points that were won, and those that could be."""
    won = math.fsum(finding.points for finding in findings if finding.verdict == "right")
    return won, math.fsum(finding.points for finding in findings)


def format_points(value: float) -> str:
    """Write points: whole ones without decimals."""
    return f"{round(value, 3):g}"


def score(findings: Sequence[Finding]) -> str:
    """Write the points, as in "5.5 of 8"."""
    return " of ".join(map(format_points, points(findings)))


def count_right(findings: Sequence[Finding]) -> str:
    """Say how many checks were right, as in "5 of 6 checks right"."""
    return f"{sum(finding.verdict == 'right' for finding in findings)} of {len(findings)} checks right"


def summary(report: CheckReport) -> str:
    """Return points and checks of the whole report in one line."""
    return f"{score(report.findings)} points, {count_right(report.findings)}"


def run_summary(report: CheckReport) -> str:
    """Return seconds, seed and versions in one line."""
    versions = "".join(f", {name} {version}" for name, version in report.versions.items())
    return f"{report.seconds:.1f} s, seed {report.seed}{versions}"


def details(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield what is known of a check that isn't right, but for its inputs and rerun: a label and its text."""
    if finding.cause:
        yield "cause", f"{finding.cause}: {CAUSES[finding.cause].meaning}"
    if finding.explanation:
        yield "explanation", finding.explanation
    elif finding.hint:
        yield "hint", finding.hint
    if finding.note:
        yield "note", finding.note
    if finding.evidence is not None:
        yield from _evidence(finding.evidence)


def format_shape(sizes: Sequence[int]) -> str:
    """Write the shape of an array."""
    return "×".join(map(str, sizes)) or "scalar"


def _evidence(evidence: Evidence) -> Iterator[tuple[str, str]]:
    if values := list(_values(evidence)):
        yield "where", evidence.parameter + (f" at index {evidence.index}" if evidence.index else "")
        yield from values
    if evidence.relative_error is not None:
        yield "off by", f"{evidence.relative_error:.1e} (relative error)"
    if evidence.shapes:
        yield SMALLEST, ", ".join(f"{name} {format_shape(sizes)}" for name, sizes in evidence.shapes.items())


def _values(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield what was expected and what was found, with enough digits to tell them apart."""
    named = {"expected": evidence.expected, "got": evidence.got}
    short = {name: f"{value:.8g}" for name, value in named.items() if isinstance(value, float)}
    if short.get("expected") == short.get("got"):
        short = {}
    for name, value in named.items():
        if value is not None:
            yield name, short.get(name, str(value))
