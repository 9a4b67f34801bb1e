"""README and docs/results.md have the figures of the records in results/."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from backproof.report import finished_runs
from backproof.report.finished_runs import FinishedRuns
from backproof.training.recipes import find_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that rebuilds the tables."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import results

    monkeypatch.delitem(sys.modules, "results")
    return results


@pytest.fixture
def found() -> FinishedRuns:
    return finished_runs.find([ROOT / "results"])


def test_tables_are_those_of_the_records(results: ModuleType, found: FinishedRuns) -> None:
    assert results.table(found) in (ROOT / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert results.validated(found.validated) in page
    assert results.ingredients(found.validated) in page


def test_every_record_is_of_its_recipe_and_of_a_clean_commit(found: FinishedRuns) -> None:
    for name, records in found.by_recipe.items():
        recipe = find_recipe(name)
        for record in records:
            assert recipe.modified_settings(recipe.configure(record.config)) == []
            assert record.environment.commit
            assert "dirty" not in record.environment.commit


def test_choices_never_saw_the_test_set(found: FinishedRuns) -> None:
    for record in found.validated:
        assert record.final.keys() == {"validation_loss", "validation_accuracy"}
