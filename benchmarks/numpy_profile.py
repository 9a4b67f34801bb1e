"""What a training step of convnet-numpy spends its time on: milliseconds by kind of work, as JSON.

Every layer's passes and the copies within a convolution are timed as they run in a learner's step; what
convolutions need beyond their copies is their products and the bias.
"""

import json
import statistics
import time
from collections import defaultdict
from typing import Any

from training import CASES, given

STEPS = 15


def main() -> None:
    """Print the medians over the steps."""
    import numpy as np

    from backproof.numpy_nn import Adam, BatchNorm, Conv2d, MaxPool2d, ReLU, conv2d
    from backproof.training.allocator import keep_freed_memory
    from backproof.training.recipes import find_recipe

    keep_freed_memory()
    seconds: defaultdict[str, float] = defaultdict(float)
    running: set[str] = set()

    def time_it(kind: str, holder: Any, name: str) -> None:
        """Add up what a function takes, but not within another of its kind, which has its time already."""
        call = getattr(holder, name)

        def timed(*arguments: Any) -> Any:
            if kind in running:
                return call(*arguments)
            running.add(kind)
            began = time.perf_counter()
            result = call(*arguments)
            seconds[kind] += time.perf_counter() - began
            running.remove(kind)
            return result

        setattr(holder, name, timed)

    for layer in (Conv2d, BatchNorm, ReLU, MaxPool2d):
        for name in ("forward", "backward"):
            time_it(layer.__name__, layer, name)
    time_it("Conv2d", Conv2d, "backward_params")  # of the first layer, which backward leaves to it
    time_it("im2col", conv2d, "im2col")
    time_it("col2im", conv2d, "col2im")
    time_it("update", Adam, "step")
    case = CASES["convnet_numpy"]
    config, images, labels = given(case, fast=False)
    learner = find_recipe(case.recipe).make_learner(config, images.shape[1:], 10, np.random.default_rng(0))
    time_it("step", learner, "step")
    rows: dict[str, list[float]] = defaultdict(list)
    for number in range(STEPS + 3):
        seconds.clear()
        learner.step(images, labels)
        if number < 3:
            continue
        seconds["products"] = seconds["Conv2d"] - seconds["im2col"] - seconds["col2im"]
        parts = ("products", "im2col", "col2im", "BatchNorm", "ReLU", "MaxPool2d", "update")
        seconds["rest"] = seconds["step"] - sum(seconds[part] for part in parts)
        for kind in ("step", *parts, "rest"):
            rows[kind].append(1e3 * seconds[kind])
    print(json.dumps({kind: statistics.median(values) for kind, values in rows.items()}))


if __name__ == "__main__":
    main()
