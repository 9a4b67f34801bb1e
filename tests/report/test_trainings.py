"""Which runs make a report, and what is refused."""

from pathlib import Path

import msgspec
import pytest
from runs import make_record, save, save_all

from backproof.errors import RunError
from backproof.recipes import RECIPES
from backproof.report import summary, tables, trainings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_all(tmp_path / "runs")


def test_runs_are_put_together_by_recipe_and_seed(folder: Path) -> None:
    found = trainings.find([folder])
    assert list(found.recipes) == list(RECIPES)
    assert [run.seed for run in found.recipes["mlp-numpy"]] == [0, 1]
    assert found.evidence.keys() == RECIPES.keys()
    assert [run.config["weight_decay"] for run in found.choices] == [0.1, 1.0]
    assert found.data == "digits"


def test_folders_may_be_named_one_by_one(folder: Path) -> None:
    found = trainings.find([folder / name for name in RECIPES])
    assert list(found.recipes) == list(RECIPES)
    assert found.choices == []


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(
        RunError, match=r"no finished run of mlp-torch, .*convnet; backproof reproduce trains"
    ):
        trainings.find([folder / "mlp-numpy"])
    with pytest.raises(RunError, match="has no finished run"):
        trainings.find([folder / "elsewhere"])


def test_a_mean_takes_runs_that_differ_in_nothing_but_their_seed(folder: Path) -> None:
    save(folder / "mlp-numpy" / "other", make_record("mlp-numpy", 2, learning_rate=0.1))
    with pytest.raises(RunError, match=r"learning_rate 0\.1, another run of mlp-numpy 0\.002"):
        trainings.find([folder])


def test_one_seed_counts_once(folder: Path) -> None:
    save(folder / "again", make_record("mlp-numpy", 1))
    with pytest.raises(RunError, match="second run of mlp-numpy with seed 1"):
        trainings.find([folder])


def test_runs_on_two_data_sets_make_no_report(folder: Path) -> None:
    run = make_record("convnet", 7)
    save(folder / "other", msgspec.structs.replace(run, config={**run.config, "data": "cifar10"}))
    with pytest.raises(RunError, match="runs on cifar10 and digits make no report together"):
        trainings.find([folder])


def test_modifications_are_told_by_what_they_change(folder: Path) -> None:
    table = tables.modifications(trainings.find([folder]).recipes)
    rows = {row[0]: row for row in table["rows"]}
    assert list(rows) == [name for name in RECIPES if name.startswith("mlp-")][1:]
    assert rows["mlp-deep-adam-3000"][1] == "steps 3000"
    assert rows["mlp-deep-l2"][1] == "optimizer adamw, weight_decay 0.1"
    assert rows["mlp-deep-batchnorm"][1] == "batch_norm manual"
    assert rows["mlp-torch"][3] == "0.565 ± 0.007"
    assert rows["mlp-deep-adam-3000"][4] == "+0.030"
    assert all(len(row) == len(table["header"]) for row in table["rows"])


def test_numbers_are_those_of_the_records(folder: Path) -> None:
    found = trainings.find([folder])
    accuracies = [run.final["test_accuracy"] for run in found.recipes["mlp-numpy"]]
    assert summary.accuracies(found.recipes["mlp-numpy"]) == accuracies == pytest.approx([0.53, 0.54])
    assert summary.mean_and_spread([0.5]) == "0.500"
    rows = {row[0]: row for row in tables.results(found.recipes, found.data)["rows"]}
    assert rows["mlp-numpy"][2] == "0.535 ± 0.007"
    assert rows["mlp-numpy"][5] == "0, 1"
    assert [row[2] for row in tables.choices(found.choices)["rows"]] == ["0.8900", "0.8000"]
