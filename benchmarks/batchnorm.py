"""Time batch norm's forward and backward pass against torch's own: python benchmarks/batchnorm.py.

float32, training, all three gradients, two threads. Every figure is a ratio to eager
torch.nn.functional.batch_norm, in the same turns.
"""

import statistics
from collections.abc import Callable

import torch
from measure import median_ratio, medians_in_turns
from torch import Tensor

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual

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
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    rows: list[dict[str, object]] = []
    ratios: dict[str, list[float]] = {"manual": [], "autograd": [], "compiled": []}
    try:
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
    finally:
        torch.set_num_threads(before)
    means = {f"{name}_over_native": statistics.geometric_mean(values) for name, values in ratios.items()}
    return {"shapes": rows, "geometric_means": means}


def main() -> None:
    """Print the ratios, one shape a line, and their geometric means."""
    figures = measure()
    for row in figures["shapes"]:
        print(f"{row['shape']!s:20} native {row['native_ms']:8.3f} ms", end="")
        print(*(f"  {name} {value:6.3f}" for name, value in row.items() if name.endswith("_over_native")))
    print("geometric means", figures["geometric_means"])


if __name__ == "__main__":
    main()
