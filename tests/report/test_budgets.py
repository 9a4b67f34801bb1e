"""Accuracy over minutes of training, from runs of one recipe for fewer epochs."""

from typing import Any

import msgspec
import pytest
from runs import make_record

from backproof.report import budgets
from backproof.training.record import RunRecord


def run_of(accuracy: float, minutes: float, **settings: Any) -> RunRecord:
    run = make_record("mlp-best", settings.pop("seed", 0), **settings)
    part = "validation" if run.config["validation_size"] else "test"
    return msgspec.structs.replace(run, final={f"{part}_accuracy": accuracy}, seconds=60 * minutes)


@pytest.fixture
def found() -> dict[str, list[budgets.Budget]]:
    whole = [run_of(0.70, 25), run_of(0.72, 35, seed=1)]
    shorter: dict[str, Any] = {"validation_size": 143, "epochs": 8.0}
    validated = [
        run_of(0.66, 10, validation_size=143, epochs=20.0),
        run_of(0.60, 5, **shorter),
        run_of(0.50, 5, **shorter, flip=False),
        run_of(0.62, 5, **shorter, seed=1),
        run_of(0.73, 25, validation_size=143),
    ]
    return budgets.find({"mlp-1-deep": [make_record("mlp-1-deep", 0)], "mlp-best": whole}, validated)


def test_shorter_runs_come_first_and_modified_ones_not_at_all(found: dict[str, list[budgets.Budget]]) -> None:
    assert list(found) == ["mlp-best"]
    first, second, whole = found["mlp-best"]
    assert first == (8.0, 5, pytest.approx(0.61), False)
    assert second == (20.0, 10, 0.66, False)
    assert whole[1:] == (30, pytest.approx(0.71), True)


def test_the_line_ends_with_the_whole_recipe(found: dict[str, list[budgets.Budget]]) -> None:
    [axes] = budgets.draw(found).axes
    line, *marks = axes.lines
    assert list(line.get_xdata()) == [5, 10, 30]
    assert [mark.get_markerfacecolor() == mark.get_color() for mark in marks] == [False, False, True]
    assert [text.get_text() for text in axes.texts] == ["mlp-best 71.0%"]
