"""A trained network's predictions and first weights, saved beside the record: reports need no network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from backproof.arrays import Indices, Labels, Pixels
from backproof.data.dataset import Split
from backproof.errors import RunError
from backproof.files import write_atomically
from backproof.training.learners.protocol import Learner

FILE_NAME = "predictions.safetensors"
_OLD_FILE_NAME = "evidence.safetensors"
"""Its name in the folders of earlier runs."""
_CLASSES = "classes"
_IMAGES_AT_A_TIME = 500
_MISTAKES = 16
_UNITS = 24


@dataclass(frozen=True)
class Predictions:
    """A network's predictions of the N images that its run is evaluated on, and its first layer's weights."""

    classes: tuple[str, ...]
    labels: Labels
    """(N,), the right classes."""
    predicted: Labels
    """(N,), the classes with the highest probability."""
    confidence: npt.NDArray[np.float32]
    """(N,), the probabilities of the predicted classes."""
    mistakes: Indices
    """(K,), which images it got wrong with the highest confidence, the worst first."""
    mistaken_pixels: Pixels
    """(K, channels, height, width), those images."""
    first_weights: npt.NDArray[np.float16]
    """(M, channels, height, width), the first layer's weights of the units whose weights are largest."""

    def mistake_classes(self) -> list[tuple[str, str]]:
        """Return the right class and the predicted one of each of the K mistakes."""
        return [
            (self.classes[self.labels[image]], self.classes[self.predicted[image]]) for image in self.mistakes
        ]

    def confusion_matrix(self) -> npt.NDArray[np.int64]:
        """Return how many images of each class (row) were predicted to be of which class (column)."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts


def predict(learner: Learner, split: Split, classes: tuple[str, ...]) -> Predictions:
    """Return the network's predictions of every image of the split."""
    predicted = np.empty(len(split), np.int64)
    confidence = np.empty(len(split), np.float32)
    done = 0
    for images, labels in split.chunks(_IMAGES_AT_A_TIME):
        probabilities = learner.probabilities(images)
        chunk = slice(done, done + len(labels))
        predicted[chunk], confidence[chunk] = probabilities.argmax(axis=1), probabilities.max(axis=1)
        done += len(labels)
    wrong = np.flatnonzero(predicted != split.labels)
    mistakes = wrong[np.argsort(-confidence[wrong], kind="stable")][:_MISTAKES]
    weights = learner.first_weights()
    weights = weights.reshape(len(weights), *(split.mean.shape if weights.ndim == 2 else weights.shape[1:]))
    sizes = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    largest = np.sort(np.argsort(-sizes, kind="stable")[:_UNITS])
    return Predictions(
        classes,
        np.asarray(split.labels),
        predicted,
        confidence,
        mistakes,
        split.pixels[mistakes],
        weights[largest].astype(np.float16),
    )


def write(folder: Path, predictions: Predictions) -> None:
    """Write the predictions into a run's folder (OSError)."""
    # The predicted classes were called answers when the first runs were written, and files keep the name.
    arrays: dict[str, npt.NDArray[Any]] = {
        "labels": predictions.labels.astype(np.uint8),
        "answers": predictions.predicted.astype(np.uint8),
        "confidence": predictions.confidence,
        "mistakes": predictions.mistakes,
        "mistaken_pixels": np.ascontiguousarray(predictions.mistaken_pixels),
        "first_weights": predictions.first_weights,
    }
    header = {_CLASSES: msgspec.json.encode(predictions.classes).decode()}
    write_atomically(folder / FILE_NAME, save(arrays, header))


def read(folder: Path) -> Predictions | None:
    """Read the predictions in a run's folder, None where there are none (RunError)."""
    path = folder / FILE_NAME
    if not path.exists():
        path = folder / _OLD_FILE_NAME
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
            classes = msgspec.json.decode(file.metadata()[_CLASSES], type=tuple[str, ...])
        return Predictions(
            classes,
            arrays["labels"].astype(np.int64),
            arrays["answers"].astype(np.int64),
            arrays["confidence"],
            arrays["mistakes"],
            arrays["mistaken_pixels"],
            arrays["first_weights"],
        )
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, TypeError, msgspec.DecodeError) as error:
        raise RunError(f"{path} is not what a run writes: {error}") from None
