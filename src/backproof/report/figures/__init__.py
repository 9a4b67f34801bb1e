"""The figures of a report, one family a file: each is a function from records to a picture."""

from backproof.report.figures.gradients import gradient_norms
from backproof.report.figures.learning_curves import accuracy_and_loss, beside
from backproof.report.figures.predictions import confusion, mistakes
from backproof.report.figures.weights import first_layer
from backproof.report.style import svg

__all__ = [
    "accuracy_and_loss",
    "beside",
    "confusion",
    "first_layer",
    "gradient_norms",
    "mistakes",
    "svg",
]
