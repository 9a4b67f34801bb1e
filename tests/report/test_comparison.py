"""Several recipes in one picture."""

from pathlib import Path

import msgspec

from backproof.report import comparison
from backproof.training import run, trainer
from backproof.training.recipes import find_recipe


def test_every_recipe_has_its_lines_and_its_name() -> None:
    recipe = find_recipe("mlp-numpy")
    records = []
    for seed in (1, 2):
        settings = recipe.configure({"data": "digits", "steps": 200, "learning_rate": 1e-4, "seed": seed})
        record = trainer.train(run.start(recipe, settings, Path(f"run-{seed}")))
        assert record is not None
        records.append(record)
    better = msgspec.structs.replace(records[0], final={"test_loss": 0.0, "test_accuracy": 0.99})
    figure = comparison.draw({"first": records, "second": [better]})
    [axes] = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert [list(line.get_xdata()) for line in lines] == [[100, 200]] * 3
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    mean = sum(record.final["test_accuracy"] for record in records) / 2
    texts = [text.get_text() for text in axes.texts]
    assert texts == [f"first {mean:.1%}", "second 99.0%"]
