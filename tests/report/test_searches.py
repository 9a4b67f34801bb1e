"""Searches in the report: what they tried stands there, and their trials are not taken for runs."""

from pathlib import Path

import msgspec
import pytest

from backproof.errors import RunError
from backproof.report import finished_runs, search_figure, searches
from backproof.training.search import search_record
from report.runs import make_record, make_search, save, save_all

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Runs, and a search whose trials have runs of their own, of another validation set."""
    runs = save_all(tmp_path / "runs")
    for number in (0, 3):
        trial = make_record("mlp-torch", number, validation_size=100)
        save(runs / "searches" / "mlp-torch" / "trials" / str(number), trial)
    search_record.write(runs / "searches" / "mlp-torch", make_search())
    return runs


def test_trials_are_none_of_the_runs(folder: Path) -> None:
    found = finished_runs.find([folder])
    assert [search.recipe for search in found.searches] == ["mlp-torch"]
    assert {run.config["validation_size"] for run in found.validated} == {143}
    assert finished_runs.find([folder, folder / "searches"]).searches == found.searches


def test_a_search_on_other_data_makes_no_report_with_the_runs(folder: Path) -> None:
    search_record.write(folder / "searches" / "mlp-torch", make_search(data="cifar10"))
    with pytest.raises(RunError, match="runs on cifar10 and digits make no report together"):
        finished_runs.find([folder])


@pytest.mark.parametrize(
    ("damage", "message"),
    [(b"{", "is damaged"), (b'{"schema": "backproof.search/9"}', "is damaged"), (None, "cannot read")],
)
def test_a_damaged_search_is_named(folder: Path, damage: bytes | None, message: str) -> None:
    path = folder / "searches" / "mlp-torch" / "search.json"
    path.unlink()
    path.mkdir() if damage is None else path.write_bytes(damage)
    with pytest.raises(RunError, match=rf"search\.json.*{message}|{message}.*search\.json"):
        finished_runs.find([folder])


def test_a_record_of_another_version_is_named(tmp_path: Path) -> None:
    search_record.write(tmp_path, msgspec.structs.replace(make_search(), schema="backproof.search/9"))
    with pytest.raises(RunError, match=r"has schema 'backproof\.search/9', this version reads"):
        search_record.read(tmp_path)


def test_the_best_trials_come_first_and_failed_ones_last() -> None:
    (shown,) = searches.shown([make_search()])
    rows = shown["table"]["rows"]
    assert [row[0] for row in rows[:4]] == ["9", "6", "3", "0"]
    assert rows[0][1:] == [
        "learning_rate 0.01, hidden 200,200, weight_decay 0.01, optimizer adamw", "0.5900", "2", "finished",
    ]  # fmt: skip
    assert len(rows) == 10
    assert shown["caption"] == "The best 10 of 12 trials of the search for mlp-torch."
    assert "4 finished, 7 were stopped early, 1 failed" in shown["sentence"]
    assert "learning_rate from 0.0001 to 0.1 (logarithmic); hidden 100 or 200 200;" in shown["sentence"]
    assert (
        "decay (weight_decay 0.0, optimizer adamw) or (weight_decay 0.01, optimizer adamw)"
        in shown["sentence"]
    )


def test_the_picture_has_the_history_the_importances_and_a_slice_of_each_entry() -> None:
    figure = search_figure.draw(make_search())
    history, bars, *slices = [axes for axes in figure.axes if axes.get_visible()]
    assert (history.get_title("left"), bars.get_title("left")) == ("History", "Importance")
    assert [axes.get_title("left") for axes in slices] == ["learning_rate", "decay", "hidden"]
    assert slices[0].get_xscale() == "log"
    assert [text.get_text() for text in slices[1].get_xticklabels()] == ["0.0 adamw", "0.01 adamw"]
    (best,) = history.lines
    assert list(best.get_ydata()) == pytest.approx([0.5] * 3 + [0.53] * 3 + [0.56] * 3 + [0.59] * 3)
    assert {len(scatter.get_offsets()) for scatter in history.collections} == {4, 7, 1}


@pytest.mark.parametrize("n", [1, 2])
def test_few_trials_have_a_picture_too_even_if_all_failed(n: int) -> None:
    figure = search_figure.draw(make_search(n))
    assert [axes.get_title("left") for axes in figure.axes if axes.get_visible()][:2] == [
        "History",
        "learning_rate",
    ]
