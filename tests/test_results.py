"""README says what the records in results/ say."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from backproof.recipes import RECIPES, find_recipe
from backproof.record import RunRecord

ROOT = Path(__file__).parents[1]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that rebuilds the tables."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import results

    monkeypatch.delitem(sys.modules, "results")
    return results


def trainings(results: ModuleType) -> dict[str, list[RunRecord]]:
    return {name: results.read(ROOT / "results" / name) for name in RECIPES}


def test_readmes_tables_are_those_of_the_records(results: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert results.table(trainings(results)) in readme
    assert results.choices(results.read(ROOT / "results" / "choices")) in readme


def test_every_record_is_of_its_recipe_and_of_the_test_set(results: ModuleType) -> None:
    for name, records in trainings(results).items():
        assert records
        recipe = find_recipe(name)
        for record in records:
            settings = recipe.configure(record.config)
            assert (record.recipe, recipe.modified(settings)) == (name, [])
            assert record.curves[-1].step == settings.steps
            assert record.final == record.curves[-1].evaluation()
            assert record.final.keys() == {"test_loss", "test_accuracy"}
            assert record.environment.commit
            assert "dirty" not in record.environment.commit


def test_choices_never_saw_the_test_set(results: ModuleType) -> None:
    for record in results.read(ROOT / "results" / "choices"):
        assert record.final.keys() == {"validation_loss", "validation_accuracy"}
