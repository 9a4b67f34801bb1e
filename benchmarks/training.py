"""Training steps beside the loop that PyTorch's users write, plain and eager, and beside a floor.

The floor is what no step can do without: the convolutions, or the matrix products and the optimizer's update,
as torch computes them alone; for NumPy's networks, the bare matrix products. Each side lives in a process of
its own, since memory settings hold for a whole process, and they take turns. ``training.py CASE …`` measures
some cases alone; ``training.py SIDE CASE`` is one side, which answers each number of steps on standard input
by their seconds.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

from measure import median_ratio

ROUNDS = 5


class Case(NamedTuple):
    recipe: str
    batch: int
    steps: int  # a round
    sides: tuple[str, ...]  # which take turns with the plain loop

    @property
    def is_convnet(self) -> bool:
        return self.recipe.startswith("convnet")


CASES = {
    "mlp": Case("mlp-torch", 200, 100, ("default",)),
    "deep": Case("report-1-deep-adam", 200, 3, ("default", "fast")),
    "deep_norm": Case("report-4-batchnorm", 200, 3, ("default", "fast", "default_floor", "fast_floor")),
    "convnet32": Case("convnet", 32, 4, ("default", "fast", "default_floor", "fast_floor")),
    "convnet256": Case("convnet", 256, 2, ("default", "fast", "default_floor", "fast_floor")),
    "deep_norm_numpy": Case("mlp-numpy-batchnorm", 200, 3, ("default", "default_floor")),
    "convnet_numpy": Case("convnet-numpy", 32, 4, ("default", "default_floor")),
}
FLOORS = {"default": "default_floor", "fast": "fast_floor"}


def plain(case: Case) -> Callable[[], object]:
    """Make a step as PyTorch's users write it: eager, float32, everything as it is by default."""
    import torch
    from torch import nn

    from backproof.convnet_plan import TABLE_1, Conv

    config, images, labels = given(case, fast=False)
    layers: list[nn.Module] = []
    if case.is_convnet:
        for row in TABLE_1:
            if isinstance(row, Conv):
                convolution = nn.Conv2d(row.channels_in, row.channels_out, 3, padding=1)
                layers += [convolution, nn.BatchNorm2d(row.channels_out), nn.ReLU()]
            else:
                layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        layers += [nn.Flatten(), nn.Linear(512, 10)]
    else:
        layers.append(nn.Flatten())
        for d, m in pairwise([3072, *config.hidden]):
            norm = [nn.BatchNorm1d(m)] if config.batch_norm != "none" else []
            layers += [nn.Linear(d, m), *norm, nn.LeakyReLU(0.02)]
        layers.append(nn.Linear(config.hidden[-1], 10))
    model = nn.Sequential(*layers)
    optimizer = (
        torch.optim.SGD(model.parameters(), 2e-3)
        if config.optimizer == "sgd"
        else torch.optim.Adam(model.parameters(), 1e-4)
    )
    x, t = torch.from_numpy(images), torch.from_numpy(labels)

    def step() -> tuple[float, float]:
        optimizer.zero_grad()
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, t)
        loss.backward()
        optimizer.step()
        return loss.item(), (logits.argmax(1) == t).float().mean().item()

    return step


def ours(case: Case, fast: bool) -> Callable[[], object]:
    """Make the same step by this project's learner, as a run has it."""
    import numpy as np

    from backproof.training.allocator import keep_freed_memory
    from backproof.training.recipes import find_recipe

    keep_freed_memory()
    config, images, labels = given(case, fast)
    learner = find_recipe(case.recipe).make_learner(config, images.shape[1:], 10, np.random.default_rng(0))
    return lambda: learner.step(images, labels)


def floor(case: Case, fast: bool) -> Callable[[], object]:
    """Make a step of nothing but what it is made for, as torch does that alone, in the same precision."""
    import torch
    from torch import Tensor, nn

    from backproof.convnet_plan import TABLE_1, Conv
    from backproof.training.allocator import keep_freed_memory

    keep_freed_memory()
    config, _, _ = given(case, fast)
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    passes: list[tuple[nn.Module, Tensor, Tensor]] = []

    def add(layer: nn.Module, x: Tensor) -> None:
        x = x.to(dtype).requires_grad_(bool(passes))  # nobody needs the images' gradient
        with torch.no_grad(), precision():
            y = layer(x)
        passes.append((layer, x, torch.randn_like(y)))

    def precision() -> AbstractContextManager[Any]:
        return torch.autocast("cpu", dtype) if config.precision == "bf16" else nullcontext()

    if case.is_convnet:
        pixels = 32
        for row in TABLE_1:
            if isinstance(row, Conv):
                layer = nn.Conv2d(row.channels_in, row.channels_out, 3, padding=1)
                x = torch.randn(case.batch, row.channels_in, pixels, pixels)
                add(layer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last))
            else:
                pixels //= 2
    else:
        for d, m in pairwise([3072, *config.hidden, 10]):
            add(nn.Linear(d, m), torch.randn(case.batch, d))
    parameters = [parameter for layer, _, _ in passes for parameter in layer.parameters()]
    # Of the ConvNet's step only the convolutions are counted.
    optimizer = None if case.is_convnet else torch.optim.Adam(parameters, 1e-4, fused=True)

    def step() -> None:
        with precision():
            results = [layer(x) for layer, x, _ in passes]
        for (_, x, dy), y in zip(reversed(passes), reversed(results), strict=True):
            y.backward(dy)
            x.grad = None
        if optimizer is not None:
            optimizer.step()
        for parameter in parameters:
            parameter.grad = None

    return step


def numpy_products(case: Case) -> Callable[[], object]:
    """Make NumPy compute a step's matrix products alone, on arrays that stay in place."""
    import numpy as np

    from backproof.convnet_plan import TABLE_1, Conv

    config, _, _ = given(case, fast=False)
    shapes: list[tuple[int, int, int]] = []  # rows, inputs of each, outputs of each
    if case.is_convnet:
        pixels = 32
        for row in TABLE_1:
            if isinstance(row, Conv):
                shapes.append((case.batch * pixels**2, 9 * row.channels_in, row.channels_out))
            else:
                pixels //= 2
        shapes.append((case.batch, 512, 10))
    else:
        shapes = [(case.batch, d, m) for d, m in pairwise([3072, *config.hidden, 10])]
    # Zeros, so that nothing grows from step to step, and written, so that each has memory of its own.
    layers = [
        tuple(np.full(shape, 0.0, np.float32) for shape in ((n, d), (m, d), (n, m))) for n, d, m in shapes
    ]

    def step() -> None:
        for x, weight, y in layers:
            np.matmul(x, weight.T, out=y)
        for number, (x, weight, y) in reversed(list(enumerate(layers))):
            np.matmul(y.T, x, out=weight)
            if number:
                np.matmul(y, weight, out=x)

    return step


def given(case: Case, fast: bool) -> tuple[Any, Any, Any]:
    """Return the settings, and one batch of CIFAR-10."""
    from backproof import data
    from backproof.data.batches import Batches
    from backproof.training.recipes import find_recipe

    recipe = find_recipe(case.recipe)
    config = recipe.configure(recipe.fast_settings("cpu") if fast else {}, {"batch_size": case.batch})
    images, labels = Batches(data.load("cifar10").train, case.batch, 42)[1]
    return config, images, labels


class Side:
    """One side in its process, waiting for its turn."""

    def __init__(self, side: str, case: str) -> None:
        command = [sys.executable, __file__, side, case]
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


def measure(cases: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return milliseconds a step, and ratios to the plain loop and to the floor, by case."""
    results: dict[str, dict[str, Any]] = {}
    for name in cases or CASES:
        case = CASES[name]
        sides = {kind: Side(kind, name) for kind in ("plain", *case.sides)}
        times: dict[str, list[float]] = {kind: [] for kind in sides}
        for _ in range(ROUNDS):
            for kind, side in sides.items():
                times[kind].append(side.seconds(case.steps))
        for side in sides.values():
            side.end()
        row: dict[str, Any] = {"recipe": case.recipe, "batch": case.batch}
        for kind, values in times.items():
            row[f"{kind}_ms"] = 1e3 * statistics.median(values)
            if kind in ("default", "fast"):
                row[f"{kind}_over_plain"] = median_ratio(values, times["plain"])
            if FLOORS.get(kind) in times:
                row[f"{kind}_over_floor"] = median_ratio(values, times[FLOORS[kind]])
        results[name] = row
    return results


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("plain", *FLOORS, *FLOORS.values()):
        print(measure(sys.argv[1:]))
        sys.exit()
    side, name = sys.argv[1:]
    case, fast = CASES[name], side.startswith("fast")
    if side == "plain":
        step = plain(case)
    elif side not in FLOORS.values():
        step = ours(case, fast)
    else:
        step = numpy_products(case) if "numpy" in name else floor(case, fast)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - began, flush=True)
