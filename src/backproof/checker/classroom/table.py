"""The table of a class as CSV: a row for each folder, and what tells whether a row still holds."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from backproof.checker.output import words
from backproof.checker.output.readers import plain
from backproof.checker.result import CheckReport
from backproof.errors import BackproofError, ConfigError
from backproof.files import remove_temporary_files, write_atomically

_HOLDS_FOR = ("seed", "only", "version", "files")
"""What a row was made from, the hash of the folder's files among it: it holds as long as these stay."""
COLUMNS = (
    "folder",
    *(f"points {each}" for each in words.TITLES),
    *("total", "of", "verdict", "not right", "causes", "error", "seconds", "isolation"),
    *_HOLDS_FOR,
)
Row = Mapping[str, str]
_COMPUTED = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def row_of(report: CheckReport) -> Row:
    """Return what a report says, but for the folder and what the row holds for."""
    wrong = [each for each in report.findings if each.verdict != "right"]
    won, worth = words.points(report.findings)
    questions = {
        f"points {question}": words.number(words.points(findings)[0])
        for question, findings in words.by_question(report.findings).items()
    }
    return questions | {
        "total": words.number(won),
        "of": words.number(worth),
        "verdict": "right" if report.ok else "wrong",
        "not right": " ".join(each.id for each in wrong),
        "causes": "; ".join(dict.fromkeys(each.cause or each.verdict for each in wrong)),
        "seconds": f"{report.seconds:.1f}",
        "isolation": report.isolation,
    }


def failed(error: str) -> Row:
    """Return what is said of a folder whose check has no result."""
    return {"verdict": "could not run", "error": plain(" ".join(error.split()))}


def still_holds(row: Row, made_from: Row) -> bool:
    """Tell whether a row has a result, and would be made from the same today."""
    return not row["error"] and all(row[name] == made_from[name] for name in _HOLDS_FOR)


@contextmanager
def only_writer_of(table: Path) -> Iterator[None]:
    """Keep a second process from filling the same table (BackproofError)."""
    try:
        with filelock.FileLock(table.with_name(f".{table.name}.lock"), timeout=0):
            remove_temporary_files(table)
            yield
    except filelock.Timeout:
        raise BackproofError(f"another backproof check is filling {table}; wait for it to end") from None


def read(table: Path) -> dict[str, Row]:
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
    found = [dict(zip(COLUMNS, map(_bare, line), strict=True)) for line in lines[1:]]
    return {row["folder"]: row for row in found}


def write(table: Path, rows: Sequence[Row]) -> None:
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
