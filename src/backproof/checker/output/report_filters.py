"""Filter a report before it is shown: escape control characters, or leave only hints."""

from typing import Any

import msgspec

from backproof.checker.check_report import CheckReport, Finding

NO_HINT = "This does not yet do what the assignment asks for."
_LONGEST = 1000


def escape_control_characters(report: CheckReport) -> CheckReport:
    """Return the report with control characters written out: names in it come from the submission."""
    return msgspec.convert(_escape(msgspec.to_builtins(report)), CheckReport)


def escape_text(text: str) -> str:
    """Write control characters out, as well as what no UTF-8 can say, and cut what is too long."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    return "".join(
        character if character.isprintable() else " " if character in "\n\t" else ascii(character)[1:-1]
        for character in cut
    )


def hints_only(report: CheckReport) -> CheckReport:
    """Return the report for students: of what isn't right a hint, without test data, cause or solution."""
    return msgspec.structs.replace(report, findings=[_hint_only(finding) for finding in report.findings])


def _hint_only(finding: Finding) -> Finding:
    return msgspec.structs.replace(
        finding,
        cause="",
        explanation="",
        note="",
        evidence=None,
        hint="" if finding.verdict == "right" else finding.hint or NO_HINT,
        rerun=f"{finding.rerun} --hints",
    )


def _escape(data: Any) -> Any:
    match data:
        case str():
            return escape_text(data)
        case list():
            return [_escape(item) for item in data]
        case dict():
            return {escape_text(name): _escape(item) for name, item in data.items()}
        case _:
            return data
