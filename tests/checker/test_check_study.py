"""The page of the command has the figures of the study, and the study is of the present catalogue."""

import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from checker.catalogue import MISTAKES, VARIANTS, Mistake

ROOT = Path(__file__).parents[2]


@pytest.fixture
def check_study(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import check_study

    monkeypatch.delitem(sys.modules, "check_study")
    monkeypatch.delitem(sys.modules, "pages", raising=False)
    return check_study


@pytest.fixture
def result(check_study: ModuleType) -> Any:
    return json.loads(check_study.OUT.read_text(encoding="utf-8"))


def test_the_pages_figures_are_the_studys(check_study: ModuleType, result: Any) -> None:
    assert check_study.short(result) in (ROOT / "docs" / "howto" / "check.md").read_text(encoding="utf-8")
    assert "dirty" not in result["environment"]["commit"]


def test_the_study_is_of_this_catalogue(result: Any) -> None:
    assert result["mistakes"]["checked"] == len(MISTAKES)
    assert result["correct"]["submissions"] == len(VARIANTS)
    assert result["correct"]["checked"] == len(VARIANTS) * result["correct"]["seeds"]
    for key, of in (("by_style", styles), ("by_cause", causes)):
        counts = Counter(of(mistake) for mistake in MISTAKES)
        studied = {name: row["checked"] for name, row in result["mistakes"][key].items()}
        assert studied == counts


def styles(mistake: Mistake) -> str:
    return mistake.style


def causes(mistake: Mistake) -> str:
    return mistake.cause or mistake.verdict or "any"
