"""Several recipes in one picture."""

from pathlib import Path

import msgspec
import pytest
from runs import make_record

from backproof.report import recipes_figure
from backproof.training import run, trainer
from backproof.training.recipes import find_recipe

pytestmark = pytest.mark.slow


def test_every_recipe_has_its_lines_and_its_name() -> None:
    recipe = find_recipe("mlp-numpy")
    records = []
    for seed in (1, 2):
        settings = recipe.configure({"data": "digits", "steps": 200, "learning_rate": 1e-4, "seed": seed})
        record = trainer.train(run.start(recipe, settings, Path(f"run-{seed}")))
        assert record is not None
        records.append(record)
    better = msgspec.structs.replace(records[0], final={"test_loss": 0.0, "test_accuracy": 0.99})
    figure = recipes_figure.draw({"first": records, "second": [better]})
    [axes] = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert [list(line.get_xdata()) for line in lines] == [[100, 200]] * 3
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    mean = sum(record.final["test_accuracy"] for record in records) / 2
    texts = [text.get_text() for text in axes.texts]
    assert texts == [f"first {mean:.1%}", "second 99.0%"]


def test_any_number_of_recipes_look_different() -> None:
    runs = {f"recipe-{number}": [make_record("mlp-torch", number)] for number in range(40)}
    for count in (7, 9, 40):
        figure = recipes_figure.draw(dict(list(runs.items())[:count]))
        [axes] = figure.axes
        lines = [line for line in axes.lines if len(line.get_xdata()) > 1]
        assert (
            len({(line.get_color(), str(line.get_linestyle()), str(line._dash_pattern)) for line in lines})
            == count
        )
        assert len(axes.texts) == count
    with pytest.raises(ValueError, match="41 recipes in one picture: only 40 lines look different"):
        recipes_figure.draw({**runs, "one more": runs["recipe-0"]})
