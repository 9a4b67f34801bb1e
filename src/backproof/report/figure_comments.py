"""What is to be seen in the figures of what the networks learnt, as parts of the report's sentences."""

import numpy as np

from backproof.report.captioned_figures import title
from backproof.report.finished_runs import FinishedRuns
from backproof.training.recipes import report_entries


def weights(runs: FinishedRuns) -> dict[str, tuple[str, str]]:
    """Return what to call each network, and write how much of an image a unit of its first layer sees."""
    comments = {}
    for name, predictions in runs.predictions.items():
        *_, height, width = predictions.first_weights.shape
        whole = (height, width) == predictions.mistaken_pixels.shape[-2:]
        seen = "are as large as the images" if whole else f"look at {height} × {width} pixels"
        comments[name] = (title(name), seen)
    return comments


def gradients(runs: FinishedRuns) -> dict[str, str]:
    """Write from where to where each network's gradient norms reach at the last step."""
    comments = {}
    for name, entry in report_entries().items():
        if entry.gradient_norms:
            norms = runs.by_recipe[name][0].curves[-1].gradient_norms
            largest, smallest = max(norms, key=norms.__getitem__), min(norms, key=norms.__getitem__)
            comments[name] = (
                f"{entry.gradient_norms_remark} {name}, {norms[largest]:.2g} in {largest} and "
                f"{norms[smallest]:.2g} in {smallest}".lstrip()
            )
    return comments


def confusion(runs: FinishedRuns) -> str:
    """Write which mistake is the most frequent one in the confusion matrix."""
    predictions = runs.predictions["convnet"]
    counts = predictions.confusion_matrix()
    others = counts - np.diag(counts.diagonal())
    right, answer = (predictions.classes[place] for place in np.unravel_index(others.argmax(), others.shape))
    if not others.any():
        return "It made no mistake."
    return f"Most often it took {right} for {answer}, {others.max()} times."
