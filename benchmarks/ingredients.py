"""What augmentation, smoothing, clipping and averaging cost a training step of the best networks, as JSON.

The same step with all of them and without any; both prepare their batches, and they take turns.
"""

import json
import statistics
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
from measure import median_ratio, medians_in_turns

from backproof import data
from backproof.data.batches import Batches
from backproof.data.dataset import Split
from backproof.training.allocator import keep_freed_memory
from backproof.training.recipes import find_recipe

ROUNDS, REPEATS = 7, 2
CASES = {"mlp": "mlp-best", "convnet": "convnet-best"}
ALL = {"clip_norm": 10.0, "cutout": 8, "image_sizes": ()}
"""Beside what the recipes have. Smaller images save more time than all of this costs."""
NONE = {
    "clip_norm": 0.0, "cutout": 0, "rotation": 0.0, "flip": False, "crop_padding": 0, "label_smoothing": 0.0,
    "ema_decay": 0.0,
}  # fmt: skip


def training_step(name: str, images: Split, changes: dict[str, Any]) -> Callable[[], object]:
    """Make a function that trains on one batch after another."""
    recipe = find_recipe(name)
    possible = {key: value for key, value in changes.items() if key in recipe.network.settings}
    config = recipe.configure(possible)
    learner = recipe.make_learner(config, images.mean.shape, 10, np.random.default_rng(0))
    batches = Batches(images, config.batch_size, 0, augmentation=config.augmentation, steps=1000)
    steps = count(1)
    return lambda: learner.step(*batches[next(steps)])


def measure() -> dict[str, float]:
    """Return the ratio of the step with all to that without, for each network."""
    keep_freed_memory()
    images = data.load("cifar10").train
    ratios = {}
    for case, name in CASES.items():
        calls = {
            "all": training_step(name, images, ALL),
            "none": training_step(name, images, {**ALL, **NONE}),
        }
        medians = medians_in_turns(calls, ROUNDS, REPEATS)
        ratios[f"{case}_s"] = statistics.median(medians["none"])
        ratios[f"{case}_all_over_none"] = median_ratio(medians["all"], medians["none"])
    return ratios


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
