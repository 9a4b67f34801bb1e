"""The report's pictures with their captions, and what a reader who cannot see them is told."""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from backproof.report import figures, summary
from backproof.report.trainings import Trainings
from backproof.training.predictions import Evidence
from backproof.training.record import RunRecord

IMPROVEMENTS = {
    "mlp-deep-adam": "Improvement 1: four hidden layers and Adam.",
    "mlp-deep-adam-3000": "Improvement 2: twice the steps.",
    "mlp-deep-l2": "Improvement 3: weight decay.",
    "mlp-deep-batchnorm": "Improvement 4: batch norm before every activation.",
}
_GRADIENTS = ("mlp-numpy", "mlp-deep-adam", "mlp-deep-batchnorm", "convnet")

Picture = dict[str, Any]
"""Its SVG, alternative text, and caption; whether it shows images."""


def curves(trainings: Trainings) -> dict[str, Picture]:
    """Draw figures 1 to 7."""
    recipes = trainings.recipes
    numpy, torch = recipes["mlp-numpy"], recipes["mlp-torch"]
    drawn = {
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
    captions = {**IMPROVEMENTS, "convnet": "Accuracy (left) and loss (right) of the ConvNet."}
    for name, caption in captions.items():
        records = recipes[name]
        drawn[name] = _chart(
            figures.accuracy_and_loss(records),
            f"Accuracy and loss of {name} over {records[0].curves[-1].step} steps. At the end the training "
            f"accuracy is {summary.training_accuracy(records):.3f}, the test accuracy "
            f"{_last(records, 'accuracy')}, "
            f"the test loss {_last(records, 'loss')}.",
            f"{caption} {_bands(records)}",
        )
    return drawn


def insights(trainings: Trainings) -> dict[str, Picture]:
    """Draw what the networks learnt: answers, mistakes, first weights, gradient norms."""
    convnet = trainings.evidence["convnet"]
    drawn = {"confusion": _confusion(convnet), "mistakes": _mistakes(convnet)}
    for name, what in (("mlp-numpy", "the NumPy network"), ("convnet", "the ConvNet")):
        kept = trainings.evidence[name]
        drawn[f"weights-{name}"] = _photo(
            figures.first_layer(kept),
            f"{len(kept.first_weights)} small images, each the weights of one unit.",
            f"{len(kept.first_weights)} units of the first layer of {what}, those with the largest weights, "
            "each as the image that excites it most. Grey is zero; every unit has a scale of its own.",
        )
    for name in _GRADIENTS:
        records = trainings.recipes[name]
        last = records[0].curves[-1].gradient_norms
        drawn[f"gradients-{name}"] = _chart(
            figures.gradient_norms(records),
            "Gradient norms on a logarithmic scale. At the last step: "
            + ", ".join(f"{layer} {norm:.2g}" for layer, norm in last.items()),
            f"Norm of the gradient of each layer's weights during training, {name}.",
        )
    return drawn


def comments(trainings: Trainings) -> dict[str, str]:
    """Say what is to be seen in the pictures of what the networks learnt."""
    evidence = trainings.evidence["convnet"]
    others = evidence.confusion() - np.diag(evidence.confusion().diagonal())
    right, answer = (evidence.classes[place] for place in np.unravel_index(others.argmax(), others.shape))
    said = {
        "confusion": f"Most often it took {right} for {answer}, {others.max()} times."
        if others.any()
        else "It made no mistake."
    }
    for name in _GRADIENTS:
        norms = trainings.recipes[name][0].curves[-1].gradient_norms
        largest, smallest = max(norms, key=norms.__getitem__), min(norms, key=norms.__getitem__)
        said[name] = f"{name}, {norms[largest]:.2g} in {largest} and {norms[smallest]:.2g} in {smallest}"
    return said


def _last(records: Sequence[RunRecord], quantity: str) -> str:
    return f"{statistics.mean(record.final[f'test_{quantity}'] for record in records):.3f}"


def _confusion(evidence: Evidence) -> Picture:
    counts = evidence.confusion()
    right = counts.diagonal() / counts.sum(axis=1).clip(min=1)
    best, worst = evidence.classes[right.argmax()], evidence.classes[right.argmin()]
    return _chart(
        figures.confusion(evidence),
        f"Confusion matrix. The class recognised best is {best} ({right.max():.0%}), the one recognised "
        f"worst is {worst} ({right.min():.0%}).",
        "Confusion matrix of the ConvNet on the test set: how many images of each class (row) got which "
        "answer (column).",
    )


def _mistakes(evidence: Evidence) -> Picture:
    pairs = ", ".join(
        f"{evidence.classes[evidence.labels[which]]} as {evidence.classes[evidence.answers[which]]}"
        for which in evidence.mistakes
    )
    return _photo(
        figures.mistakes(evidence),
        f"{len(evidence.mistakes)} test images that the ConvNet answered wrongly: {pairs}.",
        "The ConvNet's most confident mistakes: the right class, its answer, and the probability that it "
        "gave to this answer.",
    )


def _bands(records: Sequence[RunRecord]) -> str:
    """Say what a figure's bands are, where it has any."""
    return "Lines are means over the seeds, bands one standard deviation." if len(records) > 1 else ""


def _chart(figure: Figure, alt: str, caption: str) -> Picture:
    return {"svg": figures.svg(figure), "alt": alt, "caption": caption, "photo": False}


def _photo(figure: Figure, alt: str, caption: str) -> Picture:
    return {**_chart(figure, alt, caption), "photo": True}
