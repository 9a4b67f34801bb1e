"""The page about the command: what it lists is what there is."""

import importlib
import re
import sys
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest

from backproof.checker.classroom.table import COLUMNS
from backproof.checker.questions import CAUSES, CHECKS, QUESTIONS

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
    assert rows("cause") == [[cause.name, cause.meaning] for cause in CAUSES.values()], STALE


def test_every_column_is_there() -> None:
    listed = [name for cell, _ in rows("column") for name in re.findall("`(.*?)`", cell)]
    points = [name for name in COLUMNS if name.startswith("points")]
    assert [name for name in COLUMNS if name not in points[1:-1]] == listed


@pytest.fixture
def check_docs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    module = importlib.import_module("check_docs")
    monkeypatch.delitem(sys.modules, "check_docs")
    return module


def test_the_script_brings_the_page_up_to_date(check_docs: ModuleType) -> None:
    stale = PAGE.replace("19 of 22 checks", "17 of 20 checks")
    stale = stale.replace("of 59 points, 52 of 55", "of 7 points, 1 of 4")
    assert stale != PAGE
    assert check_docs.with_counts(stale) == PAGE
    (row,) = re.findall(r"^\| missing 1/B .*\n", PAGE, re.MULTILINE)
    assert check_docs.with_causes(PAGE.replace(row, "")) == PAGE
