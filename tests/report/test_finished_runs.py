"""Which runs make a report, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backproof.errors import RunError
from backproof.report import finished_runs, summary, tables
from backproof.training import predictions, record
from backproof.training.optimizers import OPTIMIZERS
from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes import RECIPES, report_entries
from backproof.training.record import RunRecord
from report.runs import make_record, save, save_all

IN_REPORT = list(report_entries())
PLAN = Plan([0], seconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_all(tmp_path / "runs")


def test_runs_are_put_together_by_recipe_and_seed(folder: Path) -> None:
    found = finished_runs.find([folder])
    assert list(found.by_recipe) == IN_REPORT
    assert [run.seed for run in found.by_recipe["mlp-numpy"]] == [0, 1]
    assert found.predictions.keys() == {"mlp-numpy", "convnet"}
    assert [run.config["weight_decay"] for run in found.validated] == [0.1, 1.0]
    assert found.data == "digits"


def test_folders_may_be_named_one_by_one(folder: Path) -> None:
    found = finished_runs.find([folder / name for name in IN_REPORT])
    assert list(found.by_recipe) == IN_REPORT
    assert found.validated == []


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(
        RunError, match=r"no finished run of mlp-torch, .*convnet-numpy; backproof reproduce trains"
    ):
        finished_runs.find([folder / "mlp-numpy"])
    with pytest.raises(RunError, match="has no finished run"):
        finished_runs.find([folder / "elsewhere"])


def test_a_mean_takes_runs_that_differ_in_nothing_but_their_seed(folder: Path) -> None:
    save(folder / "mlp-numpy" / "other", make_record("mlp-numpy", 2, learning_rate=0.1))
    with pytest.raises(RunError, match=r"other has learning_rate 0\.1, .*seed-0 0\.002: a mean over seeds"):
        finished_runs.find([folder])


def test_one_seed_counts_once(folder: Path) -> None:
    save(folder / "again", make_record("mlp-numpy", 1))
    with pytest.raises(RunError, match=r"mlp-numpy/seed-1 and .*again are mlp-numpy with seed 1 both"):
        finished_runs.find([folder])


def test_runs_on_two_data_sets_make_no_report(folder: Path) -> None:
    run = make_record("convnet", 7)
    save(folder / "other", msgspec.structs.replace(run, config={**run.config, "data": "cifar10"}))
    with pytest.raises(RunError, match="runs on cifar10 and digits make no report together"):
        finished_runs.find([folder])


def test_modifications_are_told_by_what_they_change(folder: Path) -> None:
    table = tables.modifications(finished_runs.find([folder]).by_recipe)
    rows = {row[0]: row for row in table["rows"]}
    assert list(rows) == [name for name, entry in report_entries().items() if entry.reason]
    assert rows["mlp-2-long"][1] == "schedule linear, steps 2500"
    assert rows["mlp-3-decay"][1] == "optimizer adamw, weight_decay 1.0"
    assert rows["mlp-4-norm"][1] == "batch_norm manual"
    assert rows["mlp-torch"][3] == "0.565 ± 0.007"
    assert rows["mlp-torch"][5] == "0.595"  # a mean over the seeds, as the accuracy beside it
    assert rows["mlp-2-long"][4] == "+0.030"
    assert all(len(row) == len(table["header"]) for row in table["rows"])


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe without a place in the report, the last in the table and no neighbour of its parent."""
    parent = RECIPES["mlp-1-deep"]
    recipe = Recipe("mlp-wide", "wider", parent.network, {"hidden": (9,)}, parent=parent)
    monkeypatch.setitem(RECIPES, "mlp-wide", recipe)
    return recipe


def test_a_recipe_without_a_place_needs_no_runs_and_is_a_result_if_it_has_some(
    folder: Path, wide: Recipe
) -> None:
    without = finished_runs.find([folder])
    assert wide.name not in without.by_recipe
    save(folder / wide.name / "seed-0", make_record(wide.name, 0))
    found = finished_runs.find([folder])
    assert [row[0] for row in tables.results(found.by_recipe, found.data)["rows"]][-1] == wide.name
    assert tables.modifications(found.by_recipe) == tables.modifications(without.by_recipe)
    assert summary.discussion(found.by_recipe, "digits") == summary.discussion(without.by_recipe, "digits")


def test_a_modification_is_compared_with_what_it_modifies(folder: Path, wide: Recipe) -> None:
    RECIPES[wide.name] = replace(
        wide, in_report=ReportEntry(reason="Is wider better?"), plan=PLAN, small_plan=PLAN
    )
    with pytest.raises(RunError, match="no finished run of mlp-wide"):
        finished_runs.find([folder])
    save(folder / wide.name / "seed-0", make_record(wide.name, 0, steps=7))
    found = finished_runs.find([folder])
    gain = found.by_recipe[wide.name][0].final["test_accuracy"] - 0.59  # mlp-1-deep's
    row = tables.modifications(found.by_recipe)["rows"][-1]
    assert row[:3] == [wide.name, "hidden 9, steps 7", "Is wider better?"]
    assert row[4] == f"{gain:+.3f}"
    said = " ".join(summary.discussion(found.by_recipe, "digits"))
    assert f"mlp-wide changed the test accuracy by {gain:+.3f}" in said


def test_numbers_are_those_of_the_records(folder: Path) -> None:
    found = finished_runs.find([folder])
    accuracies = [run.final["test_accuracy"] for run in found.by_recipe["mlp-numpy"]]
    assert summary.accuracies(found.by_recipe["mlp-numpy"]) == accuracies == pytest.approx([0.53, 0.54])
    assert summary.mean_and_std([0.5]) == "0.500"
    rows = {row[0]: row for row in tables.results(found.by_recipe, found.data)["rows"]}
    assert rows["mlp-numpy"][2] == "0.535 ± 0.007"
    assert rows["mlp-numpy"][5] == "0, 1"
    assert [row[2] for row in tables.validated(found.validated)["rows"]] == ["0.8900", "0.8000"]


def test_one_run_is_counted_once_however_often_it_is_named(folder: Path) -> None:
    found = finished_runs.find([folder, folder / "mlp-numpy", folder / "convnet" / "seed-0" / "record.json"])
    assert len(found.by_recipe["mlp-numpy"]) == 2


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("unknown recipe", {"recipe": "mine"}, "is a run of mine, which this version does not know"),
    ("no points", {"curves": []}, "its result is not that of its last step"),
    ("another result", {"final": {"test_loss": 1.0, "test_accuracy": 0.7}}, "its result is not that"),
    ("another seed", {"seed": 9}, "its seed is 9, by its settings 0"),
]


@pytest.mark.parametrize(("what", "change", "reason"), BROKEN, ids=[what for what, _, _ in BROKEN])
def test_records_that_cannot_be_are_refused(
    folder: Path, what: str, change: dict[str, Any], reason: str
) -> None:
    assert what
    record.write(
        folder / "mlp-torch" / "seed-0", msgspec.structs.replace(make_record("mlp-torch", 0), **change)
    )
    with pytest.raises(RunError, match=reason):
        finished_runs.find([folder])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"steps": None}, "has settings that cannot be: setting steps"),
        ({"data": "mnist"}, "has settings that cannot be: data must be one of cifar10, digits"),
        ({"colour": 1}, "unknown setting 'colour'"),
        ({"validation_size": 7}, "it was not evaluated on validation images, as its settings say"),
    ],
)
def test_settings_that_cannot_be_are_refused(folder: Path, change: dict[str, Any], reason: str) -> None:
    run = make_record("mlp-torch", 0)
    record.write(
        folder / "mlp-torch" / "seed-0", msgspec.structs.replace(run, config={**run.config, **change})
    )
    with pytest.raises(RunError, match=reason):
        finished_runs.find([folder])


def without(run: RunRecord, name: str) -> RunRecord:
    """The record of a run from before a setting was added."""
    config = {other: value for other, value in run.config.items() if other != name}
    return msgspec.structs.replace(run, config=config)


def test_a_setting_that_a_record_lacks_has_the_settings_default(folder: Path) -> None:
    path = folder / "mlp-3-decay" / "seed-0"
    for name, default in (("dropout", 0.0), ("weight_decay", 0.0)):  # not 0.1, which the recipe has today
        record.write(path, without(make_record("mlp-3-decay", 0), name))
        [run] = finished_runs.find([folder]).by_recipe["mlp-3-decay"]
        assert run.config[name] == default


def test_a_lacking_setting_is_like_its_default_and_unlike_other_values(folder: Path) -> None:
    path = folder / "mlp-torch" / "seed-0"
    record.write(path, without(make_record("mlp-torch", 0), "dropout"))
    assert len(finished_runs.find([folder]).by_recipe["mlp-torch"]) == 2
    record.write(path, without(make_record("mlp-torch", 0, learning_rate=0.1), "dropout"))
    with pytest.raises(RunError, match=r"learning_rate 0\.002"):
        finished_runs.find([folder])


def test_a_second_numpy_optimizer_leaves_earlier_runs_usable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adam", replace(OPTIMIZERS["adam"], numpy_class="SGD"))
    assert "optimizer" in RECIPES["mlp-numpy"].network.settings
    runs = finished_runs.find([folder]).by_recipe["mlp-numpy"]
    assert [run.config["optimizer"] for run in runs] == ["sgd", "sgd"]


def test_seeds_evaluated_at_other_steps_and_runs_without_norms_are_refused(folder: Path) -> None:
    run = make_record("mlp-torch", 0)
    place = folder / "mlp-torch" / "seed-0"
    record.write(place, msgspec.structs.replace(run, curves=run.curves[1:]))
    with pytest.raises(RunError, match="were evaluated at different steps"):
        finished_runs.find([folder])
    bare = [msgspec.structs.replace(point, gradient_norms={}) for point in run.curves]
    record.write(place, msgspec.structs.replace(run, curves=bare))
    with pytest.raises(RunError, match="it has no norms of gradients"):
        finished_runs.find([folder])


def test_predictions_are_asked_for_where_it_is_shown(folder: Path) -> None:
    (folder / "mlp-torch" / "seed-0" / predictions.FILE_NAME).write_bytes(b"damaged")
    finished_runs.find([folder])
    (folder / "convnet" / "seed-0" / predictions.FILE_NAME).unlink()
    with pytest.raises(RunError, match="no run of convnet has its predictions"):
        finished_runs.find([folder])


def test_choices_are_told_by_what_they_change_of_their_recipe(folder: Path) -> None:
    found = finished_runs.find([folder])
    assert [row[1] for row in tables.validated(found.validated)["rows"]] == ["weight_decay 0.1", "nothing"]
    runs = [make_record("mlp-numpy", 0, validation_size=143, hidden=hidden) for hidden in ([20], [100, 50])]
    assert [row[1] for row in tables.validated(runs)["rows"]] == ["hidden 20", "hidden 100 50"]


def test_the_discussion_says_what_the_numbers_say(folder: Path) -> None:
    found = finished_runs.find([folder])
    said = " ".join(summary.discussion(found.by_recipe, "digits"))
    assert "mlp-1-deep changed the test accuracy by +0.025, to 0.590" in said
    assert "The best of these networks is mlp-best, with 0.800." in said
    assert "Its test loss still falls when the steps run out." in said
    assert "0.52" not in said
    worse = [
        msgspec.structs.replace(point, test_loss=3.0) for point in found.by_recipe["convnet"][0].curves[1:]
    ]
    run = msgspec.structs.replace(
        found.by_recipe["convnet"][0], curves=[found.by_recipe["convnet"][0].curves[0], *worse]
    )
    assert "Its test loss is lowest at step 10, 1.600" in summary.overfitting_sentence([run])


def test_accuracy_over_views_stands_apart_where_it_was_measured(folder: Path) -> None:
    found = finished_runs.find([folder])
    assert "averaged" not in tables.results(found.by_recipe, found.data)["header"]
    runs = [make_record("convnet", seed, views=6) for seed in (0, 1)]
    averaged = [
        msgspec.structs.replace(run, final_averaged={"test_loss": 0.5, "test_accuracy": 0.8}) for run in runs
    ]
    table = tables.results({**found.by_recipe, "convnet": averaged}, found.data)
    assert table["header"][-1] == "averaged"
    assert {row[0]: row[-1] for row in table["rows"] if row[-1]} == {"convnet": "0.800 ± 0.000 (6 views)"}


def test_training_figures_of_augmented_images_and_smoothed_labels_say_so() -> None:
    plain = make_record("mlp-torch", 0)
    augmented = make_record("mlp-5-augmented", 0, crop_padding=2)
    smoothed = make_record("convnet-best", 0, flip=False, crop_padding=0, image_sizes=())
    assert summary.trained_on([plain]) == ""
    assert summary.trained_on([augmented]) == " (with augmented images)"
    assert summary.trained_on([smoothed]) == " (with smoothed labels)"
    both = make_record("convnet-best", 0, flip=False, crop_padding=2)
    assert "the training loss (with augmented images and smoothed labels) is" in summary.overfitting_sentence(
        [both]
    )
