"""Time batch norm's forward and backward pass beside torch's own: python benchmarks/batchnorm.py.

Training, all three gradients, two threads. Every figure is a ratio to eager torch.nn.functional.batch_norm,
with ReLU behind it where ours has one, in the same turns. With ``--keep-memory`` freed memory stays with the
process, as in this project's training; without, all sides pay for fresh pages, as a library's users do.
"""

import json
import statistics
import sys
from collections.abc import Callable

import torch
from measure import median_ratio, medians_in_turns
from torch import Tensor
from torch.nn import functional as F

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual
from backproof.training.allocator import keep_freed_memory

SHAPES = [(200, 1024), (200, 4096), (128, 100), (32, 64, 32, 32), (32, 256, 8, 8), (128, 64, 32, 32)]
THREADS = 2
ROUNDS = 7
VALUES_PER_ROUND = 12_000_000  # how many repeats a round gives each contestant, by the size of x
BESIDE = {
    "manual": "native",
    "manual_relu": "native_relu",
    "manual_bf16": "native_bf16",
    "manual_relu_bf16": "native_relu_bf16",
    "compiled": "native",
    "autograd": "native",
}
"""What is timed, and torch's own way of computing the same."""


def contestants(shape: tuple[int, ...]) -> dict[str, Callable[[], object]]:
    """Return what takes turns: y and its three gradients, once, by each implementation."""
    torch.manual_seed(0)
    manual, autograd = BatchNormManual(shape[1]), BatchNormAutograd(shape[1])
    compiled = torch.compile(BatchNormManual(shape[1]), fullgraph=True, dynamic=False)

    def native(x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, manual.weight, manual.bias, training=True)

    def step(
        forward: Callable[[Tensor], Tensor],
        dtype: torch.dtype = torch.float32,
        module: torch.nn.Module = manual,
    ) -> Callable[[], object]:
        x, dy = torch.randn(shape, dtype=dtype, requires_grad=True), torch.randn(shape, dtype=dtype)
        inputs = x, *module.parameters()
        return lambda: torch.autograd.grad(forward(x), inputs, dy)

    return {
        "native": step(native),
        "manual": step(manual),
        "native_relu": step(lambda x: native(x).relu()),
        "manual_relu": step(lambda x: manual(x, 0.0)),
        "native_bf16": step(native, torch.bfloat16),
        "manual_bf16": step(manual, torch.bfloat16),
        "native_relu_bf16": step(lambda x: native(x).relu(), torch.bfloat16),
        "manual_relu_bf16": step(lambda x: manual(x, 0.0), torch.bfloat16),
        "compiled": step(compiled, module=compiled),
        "autograd": step(autograd, module=autograd),
    }


def measure() -> dict[str, object]:
    """Return, of every shape, native's milliseconds and the others' ratios to it; and the ratios' means."""
    torch.set_num_threads(THREADS)
    rows: list[dict[str, object]] = []
    ratios: dict[str, list[float]] = {name: [] for name in BESIDE}
    for shape in SHAPES:
        repeats = min(100, max(4, VALUES_PER_ROUND // torch.Size(shape).numel()))
        medians = medians_in_turns(contestants(shape), ROUNDS, repeats)
        row: dict[str, object] = {
            "shape": list(shape),
            "native_ms": 1000 * statistics.median(medians["native"]),
        }
        for name, native in BESIDE.items():
            ratios[name].append(median_ratio(medians[name], medians[native]))
            row[f"{name}_over_native"] = ratios[name][-1]
        rows.append(row)
    means = {f"{name}_over_native": statistics.geometric_mean(values) for name, values in ratios.items()}
    return {"shapes": rows, "geometric_means": means}


if __name__ == "__main__":
    if "--keep-memory" in sys.argv[1:]:
        keep_freed_memory()
    print(json.dumps(measure(), indent=2))
