"""What preparing an image of a training batch takes, by what is done to it: microseconds, as JSON.

Everything that the training loop waits for: the image is looked up, converted, centred and augmented.
"""

import json
import statistics
from collections.abc import Callable
from itertools import count

from measure import medians_in_turns

from backproof import data
from backproof.data.augmentation import Augmentation
from backproof.data.batches import Batches
from backproof.data.dataset import Split
from backproof.training.allocator import keep_freed_memory

BATCH, ROUNDS, REPEATS = 256, 7, 10
CROP = {"crop_padding": 4, "flip": True}
AFFINE = {"rotation": 10.0, "scaling": 0.1, "shear": 5.0}
CASES = {
    "plain": Augmentation(),
    "crop": Augmentation(crop_padding=4),
    "flip": Augmentation(flip=True),
    "cutout": Augmentation(cutout=8),
    "crop_flip_cutout": Augmentation(**CROP, cutout=8),
    "affine": Augmentation(**CROP, **AFFINE),
    "affine_cutout": Augmentation(**CROP, **AFFINE, cutout=8),
    "to_24_pixels": Augmentation(image_sizes=(24,)),
    "to_16_pixels": Augmentation(image_sizes=(16,)),
}


def preparation(images: Split, augmentation: Augmentation) -> Callable[[], object]:
    """Make a function that prepares one batch after another."""
    batches = Batches(images, BATCH, 0, augmentation=augmentation)
    steps = count(1)
    return lambda: batches[next(steps)]


def measure() -> dict[str, float]:
    """Return the median of every case; they take turns."""
    keep_freed_memory()
    images = data.load("cifar10").train
    calls = {name: preparation(images, augmentation) for name, augmentation in CASES.items()}
    medians = medians_in_turns(calls, ROUNDS, REPEATS)
    return {name: 1e6 * statistics.median(seconds) / BATCH for name, seconds in medians.items()}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
