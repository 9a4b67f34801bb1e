"""Pictures: what a reader takes from them has to be so."""

from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backproof.report import run_figure
from backproof.report.figures.learning_curves import LEAST_SPAN
from backproof.training.record import Environment, Evaluation, RunRecord

pytestmark = pytest.mark.slow


def record(points: list[tuple[int, float, float]]) -> RunRecord:
    """A record of these steps, losses and accuracies, the test's a little worse."""
    drawn = [
        Evaluation(
            step=step, train_loss=loss, train_accuracy=right, test_loss=loss + 0.1, test_accuracy=right - 0.01
        )
        for step, loss, right in points
    ]
    nothing: dict[str, Any] = {"versions": {}, "platform": "", "cpu": "", "cores": 1, "threads": {}}
    return RunRecord(
        recipe="mlp-numpy", config={"data": "digits"}, curves=drawn, final=drawn[-1].metrics(), seconds=1,
        images_per_second=1, peak_rss_mb=None, environment=Environment(**nothing, commit=None), seed=1,
    )  # fmt: skip


def panels(figure: Figure) -> list[Axes]:
    figure.draw_without_rendering()
    return figure.axes


def labels(ticks: list[Any]) -> list[str]:
    return [tick.get_text() for tick in ticks]


def test_both_lines_are_drawn_and_named_with_their_last_value() -> None:
    accuracy, loss = panels(run_figure.draw(record([(10, 2.0, 0.3), (20, 1.0, 0.5)])))
    assert [list(line.get_ydata()) for line in accuracy.lines] == [[0.3, 0.5], pytest.approx([0.29, 0.49])]
    assert [list(line.get_xdata()) for line in loss.lines] == [[10, 20]] * 2
    assert {text.get_text() for text in accuracy.texts} == {"train 50.0%", "test 49.0%"}
    assert {text.get_text() for text in loss.texts} == {"train 1.000", "test 1.100"}


@pytest.mark.parametrize("accuracies", [(0.30, 0.48), (0.1, 0.1), (0.1, 0.99), (0.401, 0.403)])
def test_percentages_on_the_axis_are_those_of_their_ticks(accuracies: tuple[float, float]) -> None:
    points = [(step, 1.0, value) for step, value in zip((10, 20), accuracies, strict=True)]
    accuracy, _ = panels(run_figure.draw(record(points)))
    for tick, label in zip(accuracy.get_yticks(), labels(accuracy.get_yticklabels()), strict=True):
        assert float(label.rstrip("%")) == pytest.approx(100 * tick, abs=1e-6)


def test_a_flat_loss_looks_flat() -> None:
    _, loss = panels(run_figure.draw(record([(10, 2.302580, 0.1), (20, 2.302585, 0.1)])))
    low, high = loss.get_ylim()
    assert high - low >= LEAST_SPAN
    assert loss.yaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("steps", [(7,), (1, 2), (100, 1500)])
def test_steps_on_the_axis_are_whole(steps: tuple[int, ...]) -> None:
    accuracy, _ = panels(run_figure.draw(record([(step, 1.0, 0.5) for step in steps])))
    assert all(float(label.replace("−", "-")).is_integer() for label in labels(accuracy.get_xticklabels()))
