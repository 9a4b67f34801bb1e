"""The report's figures: what a reader takes from them has to be so."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from backproof.report import figures
from backproof.report.figures.learning_curves import over_seeds
from backproof.report.style import (
    BLUE,
    EVALUATION_STYLE,
    ORANGE,
    TRAIN_STYLE,
    WIDTH,
    luminance,
    spread,
    text_color,
)
from backproof.training.predictions import Predictions
from backproof.training.record import Environment, Evaluation, RunRecord

pytestmark = pytest.mark.slow

STEPS = (100, 200, 300)


def record(
    seed: int = 0, *, evaluation_set: str = "test", layers: Sequence[str] = (), steps: Sequence[int] = STEPS
) -> RunRecord:
    """A record with random values, another one for every seed."""
    rng = np.random.default_rng(seed)
    names = [f"{part}_{quantity}" for part in ("train", evaluation_set) for quantity in ("loss", "accuracy")]
    points = [
        Evaluation(
            step=step,
            **dict(zip(names, rng.uniform(0.2, 0.8, 4).tolist(), strict=True)),
            gradient_norms={layer: float(rng.uniform(0.5, 2)) for layer in layers},
        )
        for step in steps
    ]
    nothing: dict[str, Any] = {"versions": {}, "platform": "", "cpu": "", "cores": 1, "threads": {}}
    return RunRecord(
        recipe="mlp", config={"data": "digits"}, curves=points, final=points[-1].metrics(), seconds=1,
        images_per_second=1, peak_rss_mb=None, environment=Environment(**nothing, commit=None), seed=seed,
    )  # fmt: skip


def predictions(classes: int = 3, images: int = 40, mistakes: int = 16, seed: int = 0) -> Predictions:
    """Random answers, of which some are taken for the most confident mistakes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    answers = rng.integers(0, classes, images)
    wrong = np.flatnonzero(answers != labels)[:mistakes]
    return Predictions(
        tuple(f"automobile{index}" for index in range(classes)),
        labels,
        answers,
        rng.uniform(0.3, 0.99, images).astype(np.float32),
        wrong,
        rng.integers(0, 256, (len(wrong), 3, 8, 8), np.uint8),
        rng.normal(size=(5, 3, 4, 4)).astype(np.float16),
    )


def values(records: Sequence[RunRecord], name: str) -> Any:
    return np.array([[getattr(point, name) for point in record.curves] for record in records])


def texts(figure: Figure) -> list[Text]:
    """Everything written in a figure that a reader sees."""
    figure.draw_without_rendering()
    unseen = {
        tick.label1
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not (
            axes.axison and min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        )
    }
    found: list[Any] = figure.findobj(Text)
    return [text for text in found if text.get_text() and text.get_visible() and text not in unseen]


def assert_legible(figure: Figure) -> None:
    """Nothing overlaps, nothing leaves the page, nothing is smaller than 8 points at print size."""
    assert figure.get_figwidth() == pytest.approx(16 / 2.54)
    written = texts(figure)
    assert all(text.get_fontsize() >= 8 for text in written)
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in written]
    page = figure.bbox
    for name, box in boxes:
        assert box.x0 >= page.x0 - 1, name
        assert box.x1 <= page.x1 + 1, name
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert width < 1 or height < 1, f"{one!r} overlaps {other!r}"


def contents(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


class TestTraining:
    @pytest.mark.parametrize("quantity", ["accuracy", "loss"])
    def test_lines_are_means_and_bands_a_deviation_to_either_side(self, quantity: Any) -> None:
        sides = [record(seed) for seed in (1, 2, 3)], [record(seed) for seed in (4, 5)]
        figure = figures.beside(*sides, quantity, ("NumPy", "PyTorch"))
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["NumPy", "PyTorch"]
        for axes, records in zip(figure.axes, sides, strict=True):
            for name, line, band in zip(("train", "test"), axes.lines, axes.collections, strict=True):
                runs = values(records, f"{name}_{quantity}")
                mean = runs.sum(axis=0) / len(runs)
                sd = np.sqrt(((runs - mean) ** 2).sum(axis=0) / (len(runs) - 1))
                assert line.get_label() == name
                assert line.get_xydata() == pytest.approx(np.stack([STEPS, mean], axis=1))
                [path] = band.get_paths()
                for step, centre, width in zip(STEPS, mean, sd, strict=True):
                    edges = path.vertices[path.vertices[:, 0] == step, 1]
                    assert (edges.min(), edges.max()) == pytest.approx((centre - width, centre + width))
        left, right = figure.axes
        assert left.get_ylim() == right.get_ylim()
        assert left.get_ylabel() == quantity
        assert_legible(figure)

    def test_one_run_is_a_line_alone(self) -> None:
        figure = figures.accuracy_and_loss([record(1)])
        assert [len(axes.collections) for axes in figure.axes] == [0, 0]
        _, mean, sd = over_seeds([record(1)], "train_loss")
        assert mean == pytest.approx(values([record(1)], "train_loss")[0])
        assert np.isnan(sd).all()

    @pytest.mark.parametrize("evaluation_set", ["test", "validation"])
    def test_labels_bear_the_last_mean(self, evaluation_set: str) -> None:
        records = [record(seed, evaluation_set=evaluation_set) for seed in (1, 2)]
        figure = figures.accuracy_and_loss(records)
        accuracy, loss = figure.axes
        last = {
            name: values(records, name)[:, -1].mean()
            for name in (
                "train_accuracy",
                f"{evaluation_set}_accuracy",
                "train_loss",
                f"{evaluation_set}_loss",
            )
        }
        assert contents(accuracy) == [
            f"{name} {last[f'{name}_accuracy']:.1%}" for name in ("train", evaluation_set)
        ]
        assert contents(loss) == [f"{name} {last[f'{name}_loss']:.3f}" for name in ("train", evaluation_set)]
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["Accuracy", "Loss"]
        assert_legible(figure)

    def test_lines_that_end_together_have_labels_apart(self) -> None:
        same = record(1)
        points = [
            msgspec.structs.replace(point, test_accuracy=point.train_accuracy, test_loss=point.train_loss)
            for point in same.curves
        ]
        assert_legible(figures.accuracy_and_loss([msgspec.structs.replace(same, curves=points)]))

    @pytest.mark.parametrize("count", [3, 30])
    def test_dashes_and_colours_tell_the_lines_apart(self, count: int) -> None:
        figure = figures.accuracy_and_loss([record(1, steps=range(1, count + 1))])
        for axes in figure.axes:
            train, test = axes.lines
            assert train.is_dashed()
            assert not test.is_dashed()
            assert (train.get_color(), test.get_color()) == (TRAIN_STYLE["color"], EVALUATION_STYLE["color"])
            assert train.get_marker() == ("o" if count == 3 else "")  # markers would fill the dashes' gaps

    def test_runs_of_unlike_steps_have_no_mean(self) -> None:
        with pytest.raises(ValueError, match="same steps"):
            figures.accuracy_and_loss([record(1), record(2, steps=(100, 200, 400))])


class TestAnswers:
    def test_cells_hold_the_counts_and_rows_their_shares(self) -> None:
        given = predictions(classes=10, images=500)
        figure = figures.confusion(given)
        axes = figure.axes[0]
        counts = {(row, column): 0 for row in range(10) for column in range(10)}
        for label, answer in zip(given.labels, given.predicted, strict=True):
            counts[int(label), int(answer)] += 1
        assert {
            (round(text.get_position()[1]), round(text.get_position()[0])): int(text.get_text())
            for text in axes.texts
        } == counts
        [image] = axes.images
        shares = np.asarray(image.get_array())
        assert shares.sum(axis=1) == pytest.approx(np.ones(10))
        assert shares[3, 4] == pytest.approx(counts[3, 4] / sum(counts[3, column] for column in range(10)))
        assert image.get_clim() == (0, 1)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "right class")
        names = list(given.classes)
        assert [text.get_text() for text in axes.get_xticklabels()] == names
        assert [text.get_text() for text in axes.get_yticklabels()] == names

    def test_counts_stand_out_from_their_cells(self) -> None:
        rows = [np.repeat([0, 1, 2], [7 * row, 3 * row, 100 - 10 * row]) for row in range(10)]
        labels, answers = np.repeat(np.arange(10), 100), np.concatenate(rows)
        axes = figures.confusion(replace(predictions(classes=10), labels=labels, predicted=answers)).axes[0]
        [image] = axes.images
        shares = np.asarray(image.get_array())
        assert len(np.unique(shares)) > 20  # light cells, dark ones, and many between
        for text in axes.texts:
            column, row = map(round, text.get_position())
            light, dark = sorted((luminance(image.to_rgba(shares)[row, column]), luminance(text.get_color())))
            assert (dark + 0.05) / (light + 0.05) > 4.5

    def test_a_class_without_images_leaves_its_row_empty(self) -> None:
        given = predictions()
        given = replace(given, labels=np.ones_like(given.labels))
        [image] = figures.confusion(given).axes[0].images
        shares = np.asarray(image.get_array())
        assert shares.sum(axis=1).tolist() == [0, 1, 0]

    @pytest.mark.parametrize("classes", [("0", "1", "2"), ("airplane", "automobile", "truck")])
    def test_the_confusion_matrix_is_legible(self, classes: tuple[str, ...]) -> None:
        figure = figures.confusion(replace(predictions(), classes=classes))
        written = [
            text for text in texts(figure) if not text.get_rotation() % 90
        ]  # slanted ones have no boxes
        assert {*classes, "predicted class", "right class"} <= {text.get_text() for text in texts(figure)}
        assert all(text.get_fontsize() >= 8 for text in written)
        if classes[0] == "0":
            assert_legible(figure)

    @pytest.mark.parametrize("count", [1, 5, 16])
    def test_mistakes_are_shown_with_what_was_taken_for_what(self, count: int) -> None:
        given = predictions(mistakes=count)
        assert len(given.mistakes) == count
        figure = figures.mistakes(given)
        shown = [axes for axes in figure.axes if axes.images]
        assert len(shown) == count
        for which, pixels, axes in zip(given.mistakes, given.mistaken_pixels, shown, strict=True):
            right, answer = given.classes[given.labels[which]], given.classes[given.predicted[which]]
            assert axes.get_title() == f"{right} → {answer}\n{given.confidence[which]:.1%}"
            [image] = axes.images
            drawn: Any = image.get_array()
            np.testing.assert_array_equal(drawn, np.moveaxis(pixels, 0, -1))
            assert image.get_interpolation() == "nearest"
        assert not any(axes.axison for axes in figure.axes)
        assert_legible(figure)

    def test_confidence_is_not_rounded_to_certainty(self) -> None:
        given = predictions(mistakes=2)
        confidence = given.confidence.copy()
        confidence[given.mistakes] = 0.99999, 0.9994
        shown = figures.mistakes(replace(given, confidence=confidence)).axes[:2]
        assert [axes.get_title().split("\n")[1] for axes in shown] == ["over 99.9%", "99.9%"]

    def test_without_mistakes_there_is_a_line_that_says_so(self) -> None:
        figure = figures.mistakes(predictions(mistakes=0))
        assert [text.get_text() for text in texts(figure)] == ["No mistakes among 40 images."]
        assert_legible(figure)


def test_weights_are_drawn_about_grey_each_unit_by_its_own_scale() -> None:
    given = predictions()
    weights = given.first_weights.copy()
    weights[1] *= np.float16(0.01)
    weights[2] = 0
    figure = figures.first_layer(replace(given, first_weights=weights))
    shown = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(shown) == len(weights)
    for unit, image in zip(weights.astype(float), shown, strict=True):
        drawn: Any = image.get_array()
        scaled = unit / (np.abs(unit).max() or 1)
        np.testing.assert_allclose(drawn, 0.5 + 0.5 * scaled.transpose(1, 2, 0), atol=1e-6)
        assert image.get_interpolation() == "nearest"
    assert not any(axes.axison for axes in figure.axes)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_that_are_not_in_colour_are_drawn_in_grey(channels: int) -> None:
    given = predictions()
    pixels = np.repeat(given.mistaken_pixels[:, :1], channels, axis=1)
    weights = np.repeat(given.first_weights[:, :1], channels, axis=1)
    grey = replace(given, mistaken_pixels=pixels, first_weights=weights)
    for figure, white in ((figures.mistakes(grey), 255), (figures.first_layer(grey), 1)):
        figure.draw_without_rendering()
        image = next(axes.images[0] for axes in figure.axes if axes.images)
        assert image.get_clim() == (0, white)
        drawn: Any = image.get_array()
        assert drawn.ndim == 2
        shades = image.to_rgba(drawn)[..., :3]
        np.testing.assert_allclose(shades, np.repeat(drawn[..., None] / white, 3, axis=2), atol=1 / 255)


class TestGradientNorms:
    def test_a_line_for_each_layer_with_the_mean_over_the_seeds(self) -> None:
        layers = ("linear1", "linear2")
        records = [record(seed, layers=layers) for seed in (1, 2)]
        figure = figures.gradient_norms(records)
        [axes] = figure.axes
        assert axes.get_yscale() == "log"
        for layer, line in zip(layers, axes.lines, strict=True):
            runs = [[point.gradient_norms[layer] for point in run.curves] for run in records]
            assert line.get_label() == layer
            assert line.get_xydata() == pytest.approx(np.stack([STEPS, np.mean(runs, axis=0)], axis=1))
        assert contents(axes) == list(layers)
        assert_legible(figure)

    def test_nine_layers_differ_without_colour_too(self) -> None:
        layers = [f"conv{index}" for index in range(1, 10)]
        run = record(1, layers=layers)
        same = [
            msgspec.structs.replace(point, gradient_norms=dict.fromkeys(layers, 1.0)) for point in run.curves
        ]
        for records in ([run], [msgspec.structs.replace(run, curves=same)]):
            figure = figures.gradient_norms(records)
            [axes] = figure.axes
            looks = {(line.get_color(), str(line._dash_pattern)) for line in axes.lines}
            assert len(looks) == 9
            assert contents(axes) == layers
            assert_legible(figure)

    @pytest.mark.parametrize("factor", [0.0, 1e-6, 1.0])
    def test_layers_whose_gradients_vanish_are_drawn(self, factor: float) -> None:
        run = record(1, layers=("linear1", "linear2"))
        for point in run.curves:
            point.gradient_norms["linear1"] *= factor
        figure = figures.gradient_norms([run])
        assert contents(figure.axes[0]) == ["linear1", "linear2"]
        assert_legible(figure)
        for text in figure.axes[0].texts:
            assert figure.bbox.y0 < Text.get_window_extent(text).y0 < figure.bbox.y1

    @pytest.mark.parametrize("span", [1.3, 5, 50, 2e3, 1e9])
    def test_every_scale_has_numbers_enough_to_read_it(self, span: float) -> None:
        run = record(1, layers=("linear1", "linear2"))
        for point in run.curves:
            point.gradient_norms.update(linear1=1.1, linear2=1.1 * span)
        figure = figures.gradient_norms([run])
        [axes] = figure.axes
        low, high = axes.get_ylim()
        ticks = {tick.get_loc(): tick.label1.get_text() for tick in axes.yaxis.get_major_ticks()}
        shown = {place: text for place, text in ticks.items() if low <= place <= high}
        assert len(shown) >= 2
        assert [float(text) for text in shown.values()] == pytest.approx(list(shown))
        assert_legible(figure)

    def test_points_without_norms_are_left_out(self) -> None:
        old, new = record(1), record(2, layers=("linear1",))
        mixed = msgspec.structs.replace(new, curves=[old.curves[0], *new.curves[1:]])
        [axes] = figures.gradient_norms([old, mixed]).axes
        [line] = axes.lines
        norms = [point.gradient_norms["linear1"] for point in new.curves[1:]]
        assert line.get_xydata() == pytest.approx(np.stack([STEPS[1:], norms], axis=1))

    def test_no_norms_at_all_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="no norms"):
            figures.gradient_norms([record(1)])


def test_the_same_record_gives_the_same_svg() -> None:
    def draw() -> Figure:
        return figures.accuracy_and_loss([record(1), record(2)])

    figure = draw()
    first = figures.svg(figure)
    assert figures.svg(figure) == first  # rendering changed nothing
    assert figures.svg(draw()) == first
    assert figures.svg(figures.accuracy_and_loss([record(1), record(3)])) != first


@pytest.mark.parametrize("panels", [True, False])
def test_svg_is_dateless_transparent_and_needs_no_fonts(panels: bool) -> None:
    figure = figures.accuracy_and_loss([record(1)]) if panels else figures.mistakes(predictions(mistakes=0))
    written = figures.svg(figure)
    root = ElementTree.fromstring(written)
    name = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{name}svg"
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(72 * WIDTH)
    assert not list(root.iter(f"{name}text"))
    assert "<dc:date>" not in written
    background = root.find(f".//{name}g[@id='patch_1']/{name}path")
    assert background is None or any(
        word in background.attrib["style"] for word in ("fill: none", "opacity: 0")
    )


class TestSpread:
    @pytest.mark.parametrize("seed", range(5))
    def test_places_keep_their_order_and_their_distance(self, seed: int) -> None:
        places = np.random.default_rng(seed).uniform(0, 50, 9)
        found = spread(places.tolist(), 5, 0, 100)
        assert np.argsort(found).tolist() == np.argsort(places).tolist()
        assert np.diff(np.sort(found)).min() >= 5 - 1e-9
        assert 0 <= min(found) <= max(found) <= 100

    def test_what_is_apart_stays_and_what_is_close_parts_to_both_sides(self) -> None:
        assert spread([80, 10, 20], 5, 0, 100) == [80, 10, 20]
        assert spread([50, 50, 90], 10, 0, 100) == [45, 55, 90]
        assert spread([1, 0], 10, 0, 100) == [10, 0]
        assert spread([100, 99], 10, 0, 100) == [100, 90]
        assert spread([5], 10, 0, 100) == [5]

    def test_three_labels_that_meet_move_as_little_as_can_be(self) -> None:
        middle = (50 + 50 + 52) / 3  # least squares: together they keep their mean
        assert spread([50, 50, 52], 10, 0, 100) == pytest.approx([middle - 10, middle, middle + 10])

    def test_without_room_the_distance_counts(self) -> None:
        assert np.diff(spread([1, 1, 1], 10, 0, 15)).tolist() == [10, 10]


def test_letters_are_dark_enough_in_their_lines_colour() -> None:
    assert text_color(BLUE) == BLUE.lower()
    assert luminance(text_color(ORANGE)) == pytest.approx(1.05 / 4.5 - 0.05, abs=0.005)
