"""Time batch norm's forward and backward pass beside torch's own: python benchmarks/batchnorm.py.

float32, training, all three gradients, two threads. Every figure is a ratio to eager
torch.nn.functional.batch_norm, in the same turns. With ``--keep-memory`` freed memory stays with the process,
as in this project's training; without, all sides pay for fresh pages, as a library's users do.
"""

import json
import statistics
import sys
from collections.abc import Callable

import torch
from measure import median_ratio, medians_in_turns
from torch import Tensor

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual
from backproof.training.allocator import keep_freed_memory

SHAPES = [(200, 1024), (200, 4096), (128, 100), (32, 64, 32, 32), (32, 256, 8, 8), (128, 64, 32, 32)]
THREADS = 2
ROUNDS = 7
VALUES_PER_ROUND = 12_000_000  # how many repeats a round gives each contestant, by the size of x


def contestants(shape: tuple[int, ...]) -> dict[str, Callable[[], object]]:
    """Return what takes turns: y and its three gradients, once, by each implementation."""
    torch.manual_seed(0)
    x, dy = torch.randn(shape, requires_grad=True), torch.randn(shape)

    def native(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True)

    def step(
        forward: Callable[..., Tensor], module: torch.nn.Module, *arguments: Tensor
    ) -> Callable[[], object]:
        inputs = x, module.weight, module.bias
        return lambda: torch.autograd.grad(forward(x, *arguments), inputs, dy)

    manual, autograd = BatchNormManual(shape[1]), BatchNormAutograd(shape[1])
    return {
        "native": step(native, manual, manual.weight, manual.bias),
        "manual": step(manual, manual),
        "autograd": step(autograd, autograd),
        "compiled": step(torch.compile(manual, fullgraph=True, dynamic=False), manual),
    }


def measure() -> dict[str, object]:
    """Return, of every shape, native's milliseconds and the others' ratios to it; and the ratios' means."""
    torch.set_num_threads(THREADS)
    rows: list[dict[str, object]] = []
    ratios: dict[str, list[float]] = {"manual": [], "autograd": [], "compiled": []}
    for shape in SHAPES:
        repeats = min(100, max(4, VALUES_PER_ROUND // torch.Size(shape).numel()))
        medians = medians_in_turns(contestants(shape), ROUNDS, repeats)
        row: dict[str, object] = {
            "shape": list(shape),
            "native_ms": 1000 * statistics.median(medians["native"]),
        }
        for name, values in ratios.items():
            values.append(median_ratio(medians[name], medians["native"]))
            row[f"{name}_over_native"] = values[-1]
        rows.append(row)
    means = {f"{name}_over_native": statistics.geometric_mean(values) for name, values in ratios.items()}
    return {"shapes": rows, "geometric_means": means}


if __name__ == "__main__":
    if "--keep-memory" in sys.argv[1:]:
        keep_freed_memory()
    print(json.dumps(measure(), indent=2))
