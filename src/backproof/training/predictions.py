"""What a trained network answered and learnt: kept beside the record, so that reports need no network."""

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

FILE_NAME = "evidence.safetensors"
_CLASSES = "classes"
_IMAGES_AT_A_TIME = 500
_MISTAKES = 16
_UNITS = 24


@dataclass(frozen=True)
class Evidence:
    """A network's answers on the N images that its run is judged on, and what its first layer looks for."""

    classes: tuple[str, ...]
    labels: Labels
    """(N,), the right classes."""
    answers: Labels
    """(N,), the likeliest classes by the network."""
    confidence: npt.NDArray[np.float32]
    """(N,), the probabilities of the answers."""
    mistakes: Indices
    """(K,), which images it got wrong with the highest confidence, the worst first."""
    mistaken_pixels: Pixels
    """(K, channels, height, width), those images."""
    first_weights: npt.NDArray[np.float16]
    """(M, channels, height, width), the first layer's weights of the units whose weights are largest."""

    def confusion(self) -> npt.NDArray[np.int64]:
        """Count the images of each class (row) by the answer they got (column)."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        np.add.at(counts, (self.labels, self.answers), 1)
        return counts


def gather(learner: Learner, judged_on: Split, classes: tuple[str, ...]) -> Evidence:
    """Ask the network about every image of the split."""
    answers = np.empty(len(judged_on), np.int64)
    confidence = np.empty(len(judged_on), np.float32)
    done = 0
    for images, labels in judged_on.chunks(_IMAGES_AT_A_TIME):
        probabilities = learner.probabilities(images)
        here = slice(done, done + len(labels))
        answers[here], confidence[here] = probabilities.argmax(axis=1), probabilities.max(axis=1)
        done += len(labels)
    wrong = np.flatnonzero(answers != judged_on.labels)
    mistakes = wrong[np.argsort(-confidence[wrong], kind="stable")][:_MISTAKES]
    weights = learner.first_weights()
    weights = weights.reshape(
        len(weights), *(judged_on.mean.shape if weights.ndim == 2 else weights.shape[1:])
    )
    sizes = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    largest = np.sort(np.argsort(-sizes, kind="stable")[:_UNITS])
    return Evidence(
        classes,
        np.asarray(judged_on.labels),
        answers,
        confidence,
        mistakes,
        judged_on.pixels[mistakes],
        weights[largest].astype(np.float16),
    )


def write(folder: Path, evidence: Evidence) -> None:
    """Write the evidence into a run's folder (OSError)."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "labels": evidence.labels.astype(np.uint8),
        "answers": evidence.answers.astype(np.uint8),
        "confidence": evidence.confidence,
        "mistakes": evidence.mistakes,
        "mistaken_pixels": np.ascontiguousarray(evidence.mistaken_pixels),
        "first_weights": evidence.first_weights,
    }
    header = {_CLASSES: msgspec.json.encode(evidence.classes).decode()}
    write_atomically(folder / FILE_NAME, save(arrays, header))


def read(folder: Path) -> Evidence | None:
    """Read the evidence in a run's folder, None where there is none (RunError)."""
    path = folder / FILE_NAME
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
            classes = msgspec.json.decode(file.metadata()[_CLASSES], type=tuple[str, ...])
        return Evidence(
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
