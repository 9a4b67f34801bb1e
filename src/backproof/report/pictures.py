"""The report's pictures with their captions, and what a reader who cannot see them is told."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from backproof.evidence import Evidence
from backproof.record import RunRecord
from backproof.report import figures
from backproof.report.trainings import Trainings

IMPROVEMENTS = {
    "mlp-deep-adam": "Improvement 1: four hidden layers and Adam.",
    "mlp-deep-adam-3000": "Improvement 2: twice the steps.",
    "mlp-deep-l2": "Improvement 3: weight decay.",
    "mlp-deep-batchnorm": "Improvement 4: batch norm before every activation.",
}
_GRADIENTS = ("mlp-numpy", "mlp-deep-adam", "mlp-deep-batchnorm", "convnet")

Picture = dict[str, Any]
"""Its SVG, alternative text, and caption; whether it shows images; the text that stands above it."""


def curves(trainings: Trainings) -> dict[str, Picture]:
    """Draw figures 1 to 7."""
    recipes = trainings.recipes
    numpy, torch = recipes["mlp-numpy"], recipes["mlp-torch"]
    drawn = {
        quantity: _chart(
            figures.beside(numpy, torch, quantity, ("NumPy", "PyTorch")),
            f"Training and test {quantity} over {numpy[0].curves[-1].step} steps. With the first seed the "
            f"test {quantity} is {numpy[0].final[f'test_{quantity}']:.3f} at the end for NumPy, and "
            f"{torch[0].final[f'test_{quantity}']:.3f} for PyTorch.",
            f"{quantity.capitalize()} during training: the NumPy network (left) and the PyTorch network "
            f"(right). " + _bands(numpy),
        )
        for quantity in ("accuracy", "loss")
    }
    captions = {**IMPROVEMENTS, "convnet": "Accuracy (left) and loss (right) of the ConvNet."}
    for name, caption in captions.items():
        records = recipes[name]
        last = records[0].curves[-1]
        drawn[name] = _chart(
            figures.accuracy_and_loss(records),
            f"Accuracy and loss of {name} over {last.step} steps. With the first seed the training "
            f"accuracy is {last.train_accuracy:.3f} at the end, the test accuracy {last.test_accuracy:.3f}.",
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
            f"The first layer's weights of {what}, each unit's as the image that excites it most. Grey is "
            f"zero; "
            "every unit has a scale of its own.",
            f"What the first layer of {what} looks for:",
        )
    for name in _GRADIENTS:
        records = trainings.recipes[name]
        last = records[0].curves[-1].gradient_norms
        drawn[f"gradients-{name}"] = _chart(
            figures.gradient_norms(records),
            "Gradient norms on a logarithmic scale. At the last step: "
            + ", ".join(f"{layer} {norm:.2g}" for layer, norm in last.items()),
            f"Norm of the gradient of each layer's weights during training, {name}.",
            f"How large the gradients of {name} are, layer by layer:",
        )
    return drawn


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
        "The ConvNet's answers on the test set, by the right class:",
    )


def _mistakes(evidence: Evidence) -> Picture:
    return _photo(
        figures.mistakes(evidence),
        f"{len(evidence.mistakes)} test images that the ConvNet answered wrongly.",
        "The ConvNet's most confident mistakes: the right class, its answer, and the probability that it "
        "gave to this answer.",
        "The mistakes that it was surest of:",
    )


def _bands(records: Sequence[RunRecord]) -> str:
    """Say what a figure's bands are, where it has any."""
    return "Lines are means over the seeds, bands one standard deviation." if len(records) > 1 else ""


def _chart(figure: Figure, alt: str, caption: str, above: str = "") -> Picture:
    return {"svg": figures.svg(figure), "alt": alt, "caption": caption, "above": above, "photo": False}


def _photo(figure: Figure, alt: str, caption: str, above: str) -> Picture:
    return {**_chart(figure, alt, caption, above), "photo": True}
