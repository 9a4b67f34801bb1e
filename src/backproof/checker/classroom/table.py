"""The table of a class as CSV: a row for each folder, and whether a row is up to date."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from backproof.checker.check_report import CheckReport
from backproof.checker.output import report_text
from backproof.checker.output.report_filters import escape_text
from backproof.checker.questions import QUESTIONS
from backproof.errors import BackproofError, ConfigError
from backproof.files import remove_temporary_files, write_atomically

_MADE_FROM = ("seed", "only", "version", "files")
"""What a row is made from, such as the hash of the folder's files: it is up to date while these stay."""
COLUMNS = (
    "folder",
    *(f"points {number}" for number in QUESTIONS),
    *("total", "of", "verdict", "not right", "causes", "error", "seconds", "isolation"),
    *_MADE_FROM,
)
Row = Mapping[str, str]
_COMPUTED = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def row_of(report: CheckReport) -> Row:
    """Return what a report says, but for the folder and what the row was made from."""
    wrong = [finding for finding in report.findings if finding.verdict != "right"]
    won, worth = report_text.points(report.findings)
    questions = {
        f"points {question}": report_text.format_points(report_text.points(findings)[0])
        for question, findings in report_text.by_question(report.findings).items()
    }
    return questions | {
        "total": report_text.format_points(won),
        "of": report_text.format_points(worth),
        "verdict": "right" if report.ok else "wrong",
        "not right": " ".join(finding.id for finding in wrong),
        "causes": "; ".join(dict.fromkeys(finding.cause or finding.verdict for finding in wrong)),
        "seconds": f"{report.seconds:.1f}",
        "isolation": report.isolation,
    }


def error_row(error: str) -> Row:
    """Return the row of a folder whose check has no result."""
    return {"verdict": "could not run", "error": escape_text(" ".join(error.split()))}


def is_up_to_date(row: Row, made_from: Row) -> bool:
    """Tell whether a row has a result, and would be made from the same today."""
    return not row["error"] and all(row[name] == made_from[name] for name in _MADE_FROM)


@contextmanager
def locked(table: Path) -> Iterator[None]:
    """Keep a second process from filling the same table (BackproofError)."""
    try:
        with filelock.FileLock(table.with_name(f".{table.name}.lock"), timeout=0):
            remove_temporary_files(table)
            yield
    except filelock.Timeout:
        raise BackproofError(f"another backproof check is filling {table}; wait for it to end") from None


def read_table(table: Path) -> dict[str, Row]:
    """Return the rows by their folder; none if there is no such file (ConfigError if it is no such table)."""
    if not table.exists():
        return {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets put a mark at its start
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read {table} as a table of backproof check: {error}") from None
    if lines[:1] != [list(COLUMNS)] or any(len(line) != len(COLUMNS) for line in lines):
        raise ConfigError(f"{table} is not a table of backproof check; move it away or name another --csv")
    rows = [dict(zip(COLUMNS, map(_bare, line), strict=True)) for line in lines[1:]]
    return {row["folder"]: row for row in rows}


def write_table(table: Path, rows: Sequence[Row]) -> None:
    """Write the table, whole or not at all (BackproofError)."""
    content = io.StringIO()
    writer = csv.writer(content)
    writer.writerow(COLUMNS)
    writer.writerows([_safe(row.get(name, "")) for name in COLUMNS] for row in rows)
    try:
        write_atomically(table, content.getvalue().encode())
    except OSError as error:
        raise BackproofError(f"cannot write {table}: {error.strerror}") from None


def _safe(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would compute, and before an apostrophe to read it back."""
    return f"'{text}" if text.startswith((*_COMPUTED, "'")) else text


def _bare(text: str) -> str:
    return text.removeprefix("'")
