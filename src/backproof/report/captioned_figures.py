"""The report's figures with their captions, and alternative texts for readers who cannot see them."""

import statistics
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from backproof.report import figures, search_figure, summary
from backproof.report.finished_runs import FinishedRuns
from backproof.training.predictions import Predictions
from backproof.training.recipes import report_entries
from backproof.training.record import RunRecord
from backproof.training.search.search_record import SearchRecord

Picture = dict[str, Any]
"""Its SVG, alternative text, and caption; whether it shows images."""


def curves(runs: FinishedRuns) -> dict[str, Picture]:
    """Draw the curves: accuracy and loss of both MLPs, then every recipe that has a caption for its own."""
    recipes = runs.by_recipe
    numpy, torch = recipes["mlp-numpy"], recipes["mlp-torch"]
    pictures = {
        quantity: _chart(
            figures.beside(numpy, torch, quantity, ("NumPy", "PyTorch")),
            f"Training and test {quantity} over {numpy[0].curves[-1].step} steps. At the end the test "
            f"{quantity} "
            f"is {_last(numpy, quantity)} for NumPy and {_last(torch, quantity)} for PyTorch.",
            f"{quantity.capitalize()} during training: the NumPy network (left) and the PyTorch network "
            f"(right). {_bands(numpy)}",
        )
        for quantity in ("accuracy", "loss")
    }
    for name, entry in report_entries().items():
        if not entry.caption:
            continue
        records = recipes[name]
        pictures[name] = _chart(
            figures.accuracy_and_loss(records),
            f"Accuracy and loss of {name} over {records[0].curves[-1].step} steps. At the end the training "
            f"accuracy{summary.trained_on(records)} is {summary.training_accuracy(records):.3f}, "
            f"the test accuracy {_last(records, 'accuracy')}, "
            f"the test loss {_last(records, 'loss')}.",
            f"{entry.caption} {_bands(records)}",
        )
    return pictures


def insights(runs: FinishedRuns) -> dict[str, Picture]:
    """Draw what the networks learnt: predictions, mistakes, first weights, gradient norms."""
    convnet = runs.predictions["convnet"]
    pictures = {"confusion": _confusion(convnet), "mistakes": _mistakes(convnet)}
    for name, predictions in runs.predictions.items():
        count = len(predictions.first_weights)
        pictures[f"weights-{name}"] = _photo(
            figures.first_layer(predictions),
            f"{count} small images, each the weights of one unit.",
            f"{count} units of the first layer of {title(name)}, those with the largest weights, "
            "each as the image that excites it most. Grey is zero; every unit has a scale of its own.",
        )
    for name, entry in report_entries().items():
        if not entry.gradient_norms:
            continue
        records = runs.by_recipe[name]
        last = records[0].curves[-1].gradient_norms
        pictures[f"gradients-{name}"] = _chart(
            figures.gradient_norms(records),
            "Gradient norms on a logarithmic scale. At the last step: "
            + ", ".join(f"{layer} {norm:.2g}" for layer, norm in last.items()),
            f"Norm of the gradient of each layer's weights during training, {name}.",
        )
    return pictures


def searches(runs: FinishedRuns) -> dict[str, Picture]:
    """Draw what was searched."""
    return {f"search-{number}": _search(search) for number, search in enumerate(runs.searches)}


def _search(search: SearchRecord) -> Picture:
    best = search.ranked()[0]
    reached = f"The best, {best.accuracy:.1%}, is trial {best.number}. " if best.accuracy is not None else ""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in search.importances.items())
    return _chart(
        search_figure.draw(search),
        f"Validation accuracies of {len(search.trials)} trials of {search.recipe}. {reached}"
        + (f"Importances: {shares}." if shares else ""),
        f"The search for {search.recipe}: the accuracy of one trial after another; how much each setting "
        "matters, by what the best quarter of the trials have in common (PED-ANOVA); and the accuracy over "
        "each setting.",
    )


def title(name: str) -> str:
    """Return what sentences call a recipe's network."""
    return report_entries()[name].title or name


def _last(records: Sequence[RunRecord], quantity: str) -> str:
    return f"{statistics.mean(record.final[f'test_{quantity}'] for record in records):.3f}"


def _confusion(predictions: Predictions) -> Picture:
    counts = predictions.confusion_matrix()
    right = counts.diagonal() / counts.sum(axis=1).clip(min=1)
    best, worst = predictions.classes[right.argmax()], predictions.classes[right.argmin()]
    return _chart(
        figures.confusion(predictions),
        f"Confusion matrix. The class recognised best is {best} ({right.max():.0%}), the one recognised "
        f"worst is {worst} ({right.min():.0%}).",
        "Confusion matrix of the ConvNet on the test set: how many images of each class (row) were "
        "predicted to be of which class (column).",
    )


def _mistakes(predictions: Predictions) -> Picture:
    pairs = ", ".join(f"{right} as {predicted}" for right, predicted in predictions.mistake_classes())
    return _photo(
        figures.mistakes(predictions),
        f"{len(predictions.mistakes)} test images that the ConvNet answered wrongly: {pairs}.",
        "The ConvNet's most confident mistakes: the right class, its answer, and the probability that it "
        "gave to this answer.",
    )


def _bands(records: Sequence[RunRecord]) -> str:
    """Write what a figure's bands are, where it has any."""
    return "Lines are means over the seeds, bands one standard deviation." if len(records) > 1 else ""


def _chart(figure: Figure, alt: str, caption: str) -> Picture:
    return {"svg": figures.svg(figure), "alt": alt, "caption": caption, "photo": False}


def _photo(figure: Figure, alt: str, caption: str) -> Picture:
    return {**_chart(figure, alt, caption), "photo": True}
