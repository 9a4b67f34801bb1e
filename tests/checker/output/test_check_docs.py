"""The page about the command: what it lists is what there is."""

import re
from itertools import groupby
from pathlib import Path

from backproof.checker.causes import CAUSES
from backproof.checker.classroom.table import COLUMNS
from backproof.checker.questions import CHECKS, QUESTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "check.md").read_text("utf-8")
STALE = "run python benchmarks/check_docs.py"


def test_the_example_has_all_checks() -> None:
    for number, checks in groupby(CHECKS, lambda check: check.question):
        worth, count = f"{QUESTIONS[number].points:g}", len(list(checks))
        line = rf"^{number} .* of {worth} .* of {count} checks right$"
        assert re.search(line, PAGE, re.MULTILINE), STALE
    points, total = sum(question.points for question in QUESTIONS.values()), len(CHECKS)
    assert f" of {points:g} points, {total - 3} of {total} checks right\n" in PAGE, STALE


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a column's heading."""
    lines = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_cause_is_there_with_its_meaning() -> None:
    assert dict(rows("cause")) == {name: cause.meaning for name, cause in CAUSES.items()}, STALE


def test_every_column_is_there() -> None:
    listed = [name for cell, _ in rows("column") for name in re.findall("`(.*?)`", cell)]
    points = [name for name in COLUMNS if name.startswith("points")]
    assert [name for name in COLUMNS if name not in points[1:-1]] == listed
