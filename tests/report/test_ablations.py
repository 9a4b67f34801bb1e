"""What each ingredient is worth, from runs on a validation set."""

from typing import Any

import msgspec
import pytest

from backproof.report import ablations
from backproof.training.record import RunRecord
from report.runs import make_record


def validated(accuracy: float, seed: int = 0, seconds: float = 60.0, **changes: Any) -> RunRecord:
    run = make_record("mlp-best", seed, validation_size=143, **changes)
    last = msgspec.structs.replace(run.curves[-1], validation_accuracy=accuracy)
    return msgspec.structs.replace(
        run, curves=[*run.curves[:-1], last], final=last.metrics(), seconds=seconds
    )


@pytest.fixture
def runs() -> list[RunRecord]:
    shorter: dict[str, Any] = {"epochs": 8.0}
    return [
        validated(0.60, **shorter),
        validated(0.62, seed=1, **shorter),
        validated(0.55, **shorter, flip=False),
        validated(0.57, seed=1, **shorter, flip=False),
        validated(0.63, **shorter, schedule="constant", learning_rate=0.02),
        validated(0.70, seconds=240.0, epochs=20.0),
        validated(0.75, seconds=480.0),
        make_record("mlp-3-decay", 0, validation_size=143),
    ]


def test_each_change_stands_beside_the_whole_the_worst_first(runs: list[RunRecord]) -> None:
    [ablation] = ablations.find(runs)
    assert (ablation.recipe, ablation.epochs, len(ablation.whole)) == ("mlp-best", 8.0, 2)
    assert ablation.table()["rows"] == [
        ["nothing", "0.610 ± 0.014", ""],
        ["flip False", "0.560 ± 0.014", "−0.050"],
        ["learning_rate 0.02, schedule constant", "0.630", "+0.020"],
    ]


def test_what_all_runs_change_is_said_once() -> None:
    shorter: dict[str, Any] = {"epochs": 8.0, "ema_decay": 0.9}
    [ablation] = ablations.find(
        [
            validated(0.60, **shorter),
            validated(0.55, **shorter, flip=False),
            validated(0.57, **shorter, crop_padding=0),
            validated(0.59, epochs=8.0, ema_decay=0.0),
        ]
    )
    assert ablation.sentence() == "mlp-best, 8 epochs, ema_decay 0.9, 1 seed"
    assert [row[0] for row in ablation.table()["rows"]] == [
        "nothing",
        "flip False",
        "crop_padding 0",
        "ema_decay 0.0",
    ]


def test_seeds_have_no_vote() -> None:
    runs = [validated(0.60, epochs=8.0)]
    runs += [validated(0.55, seed=seed, epochs=8.0, flip=False) for seed in range(3)]
    [ablation] = ablations.find(runs)
    assert [row[0] for row in ablation.table()["rows"]] == ["nothing", "flip False"]


def test_a_run_with_a_seed_of_its_own_is_not_compared(runs: list[RunRecord]) -> None:
    [ablation] = ablations.find([*runs, validated(0.90, seed=42, epochs=8.0)])
    assert [run.seed for run in ablation.whole] == [0, 1]


def test_runs_that_were_made_shorter_choose_nothing(runs: list[RunRecord]) -> None:
    assert [ablations.is_shorter(run) for run in runs] == [True] * 6 + [False] * 2


def test_without_the_whole_recipe_beside_it_a_change_shows_nothing(runs: list[RunRecord]) -> None:
    assert ablations.find(runs[2:]) == []
    assert ablations.find(runs[:2]) == []
