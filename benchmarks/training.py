"""Training steps of the PyTorch networks beside the plain eager loop that PyTorch's users write.

Each side lives in a process of its own, since memory settings hold for a whole process, and they take turns.
Run as a script it is one side: ``training.py SIDE NETWORK BATCH``, then a number of steps on each line of
standard input, answered by their seconds.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise

from measure import median_ratio

ROUNDS = 9
DEEP = "1024,2048,2048,4096"
CASES = {
    "mlp": ("", 200, 100, ("default",)),
    "deep": (DEEP, 200, 3, ("default", "fast")),
    "convnet32": ("convnet", 32, 4, ("default", "fast")),
    "convnet256": ("convnet", 256, 2, ("default", "fast")),
}
"""Network, batch size, steps a round, and what is measured beside the plain loop."""


def plain(network: str, batch: int) -> Callable[[], object]:
    """Make a step as PyTorch's users write it: eager, float32, everything as it is by default."""
    import torch
    from torch import nn

    from backproof import data
    from backproof.data.batches import Batches
    from backproof.torch_nn.convnet import TABLE_1, Conv

    layers: list[nn.Module] = []
    if network == "convnet":
        for row in TABLE_1:
            if isinstance(row, Conv):
                convolution = nn.Conv2d(row.channels_in, row.channels_out, 3, padding=1)
                layers += [convolution, nn.BatchNorm2d(row.channels_out), nn.ReLU()]
            else:
                layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        layers += [nn.Flatten(), nn.Linear(512, 10)]
    else:
        hidden = [int(size) for size in network.split(",")] if network else [100]
        layers.append(nn.Flatten())
        for d, m in pairwise([3072, *hidden, 10]):
            layers += [nn.Linear(d, m), nn.LeakyReLU(0.02)]
        layers.pop()
    model = nn.Sequential(*layers)
    optimizer = (
        torch.optim.Adam(model.parameters(), 1e-4) if network else torch.optim.SGD(model.parameters(), 2e-3)
    )
    images, labels = Batches(data.load("cifar10").train, batch, 42)[1]
    x, t = torch.from_numpy(images), torch.from_numpy(labels)

    def step() -> tuple[float, float]:
        optimizer.zero_grad()
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, t)
        loss.backward()
        optimizer.step()
        return loss.item(), (logits.argmax(1) == t).float().mean().item()

    return step


def ours(network: str, batch: int, fast: bool) -> Callable[[], object]:
    """Make the same step by this project's learner, as a run has it."""
    import numpy as np

    from backproof import data
    from backproof.data.batches import Batches
    from backproof.training.allocator import keep_freed_memory
    from backproof.training.recipes import find_recipe

    keep_freed_memory()
    recipe = find_recipe("convnet" if network == "convnet" else "mlp-deep-adam" if network else "mlp-torch")
    settings = recipe.configure(recipe.fast_settings("cpu") if fast else {}, {"batch_size": batch})
    dataset = data.load("cifar10")
    learner = recipe.make_learner(settings, dataset.image_shape, 10, np.random.default_rng(0))
    images, labels = Batches(dataset.train, batch, 42)[1]
    return lambda: learner.step(images, labels)


class Side:
    """One side in its process, waiting for its turn."""

    def __init__(self, side: str, network: str, batch: int) -> None:
        command = [sys.executable, __file__, side, network, str(batch)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds(2)

    def seconds(self, steps: int) -> float:
        """Return the time of one step, the mean over this many."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(steps, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline()) / steps

    def end(self) -> None:
        self._process.communicate()


def measure() -> dict[str, dict[str, float]]:
    """Return milliseconds a step and ratios to the plain loop, by case."""
    results: dict[str, dict[str, float]] = {}
    for name, (network, batch, steps, kinds) in CASES.items():
        sides = {kind: Side(kind, network, batch) for kind in ("plain", *kinds)}
        times: dict[str, list[float]] = {kind: [] for kind in sides}
        for _ in range(ROUNDS):
            for kind, side in sides.items():
                times[kind].append(side.seconds(steps))
        for side in sides.values():
            side.end()
        row: dict[str, float] = {"batch": batch}
        for kind, values in times.items():
            row[f"{kind}_ms"] = 1e3 * statistics.median(values)
            if kind != "plain":
                row[f"{kind}_over_plain"] = median_ratio(values, times["plain"])
        results[name] = row
    return results


if __name__ == "__main__":
    side, network, batch = sys.argv[1:]
    step = plain(network, int(batch)) if side == "plain" else ours(network, int(batch), side == "fast")
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - began, flush=True)
