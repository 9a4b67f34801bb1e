"""One training step beside its bare matrix products, and beside the same step in eager PyTorch.

Run as a script, it prints the figures of one process as JSON: ``step.py numpy`` or ``step.py torch``, then
batch size and hidden sizes.
"""

import json
import statistics
import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from measure import median_ratio, medians_in_turns, run_process

from backproof import data
from backproof.data.batches import Batches
from backproof.training.config import TrainConfig
from backproof.training.learners.numpy_learner import mlp_learner

ROUNDS = 7
STEPS_A_ROUND = 100


def bare_products(batch: int, sizes: list[int]) -> Callable[[], None]:
    """Make a function of a step's matrix products alone, on arrays of the right shapes that stay in place."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    weights = [array(m, d) for d, m in pairwise(sizes)]
    activations = [array(batch, size) for size in sizes]
    gradients = [np.empty_like(weight) for weight in weights]

    def products() -> None:
        for number, weight in enumerate(weights):
            np.matmul(activations[number], weight.T, out=activations[number + 1])
        for number in reversed(range(len(weights))):
            np.matmul(activations[number + 1].T, activations[number], out=gradients[number])
            if number:
                np.matmul(activations[number + 1], weights[number], out=activations[number])

    return products


def numpy_figures(batch: int, hidden: tuple[int, ...], rounds: int, steps: int) -> dict[str, list[float]]:
    """Time the products, the step on a batch at hand, and the step with its batch's preparation."""
    config = TrainConfig(batch_size=batch, hidden=hidden)
    dataset = data.load("cifar10")
    batches = Batches(dataset.train, batch, config.seed)
    learner = mlp_learner(config, dataset.image_shape, len(dataset.classes), np.random.default_rng(0))
    images, labels = batches[1]
    images = images.copy()
    counter = iter(range(1, 1_000_000))
    return medians_in_turns(
        {
            "products": bare_products(batch, [3072, *hidden, 10]),
            "step": lambda: learner.step(images, labels),
            "step_with_batch": lambda: learner.step(*batches[next(counter)]),
        },
        rounds,
        steps,
    )


def torch_figures(batch: int, hidden: tuple[int, ...], rounds: int, steps: int) -> dict[str, list[float]]:
    """Time the same step as PyTorch's users write it, on a batch at hand."""
    import torch

    layers: list[torch.nn.Module] = []
    for d, m in pairwise([3072, *hidden, 10]):
        layers += [torch.nn.Linear(d, m), torch.nn.LeakyReLU(0.02)]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), 2e-3)
    images, labels = Batches(data.load("cifar10").train, batch, 42)[1]
    x, t = torch.from_numpy(images.reshape(batch, -1).copy()), torch.from_numpy(labels)

    def step() -> tuple[float, float]:
        optimizer.zero_grad()
        logits = network(x)
        loss = torch.nn.functional.cross_entropy(logits, t)
        loss.backward()
        optimizer.step()
        return loss.item(), (logits.argmax(1) == t).float().mean().item()

    return medians_in_turns({"torch": step}, rounds, steps)


def compare(batch: int = 200, hidden: tuple[int, ...] = (100,)) -> dict[str, float]:
    """Run both sides in processes of their own, in turns, so that their thread pools never meet."""
    columns: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for side in ("numpy", "torch"):
            output = run_process(__file__, side, batch, ",".join(map(str, hidden))).output
            for name, values in json.loads(output).items():
                columns.setdefault(name, []).extend(values)
    return {
        "products_ms": 1e3 * statistics.median(columns["products"]),
        "step_ms": 1e3 * statistics.median(columns["step"]),
        "step_with_batch_ms": 1e3 * statistics.median(columns["step_with_batch"]),
        "torch_step_ms": 1e3 * statistics.median(columns["torch"]),
        "step_over_products": median_ratio(columns["step"], columns["products"]),
        "step_with_batch_over_products": median_ratio(columns["step_with_batch"], columns["products"]),
        "step_over_torch": median_ratio(columns["step"], columns["torch"]),
    }


if __name__ == "__main__":
    side, batch, hidden = sys.argv[1:]
    figures = numpy_figures if side == "numpy" else torch_figures
    sizes = tuple(int(size) for size in hidden.split(",") if size)
    print(json.dumps(figures(int(batch), sizes, rounds=3, steps=STEPS_A_ROUND)))
