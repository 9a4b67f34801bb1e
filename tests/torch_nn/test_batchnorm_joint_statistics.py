"""Batch norm over processes: two of them, unequal batches, against the joint batch in one."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual, batch_norm, formulas
from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNorm
from backproof.torch_nn.batchnorm.formulas import activated

pytestmark = pytest.mark.slow
SIZES = [5, 3]  # samples of each process
KINDS: dict[str, type[BatchNorm]] = {"autograd": BatchNormAutograd, "manual": BatchNormManual}
SHAPES = {"vectors": (8, 4), "pictures": (8, 3, 2, 5), "far from zero": (8, 4), "activated": (8, 3, 2, 5)}
SLOPES = {"activated": 0.02}
"""Of the LeakyReLU behind batch norm, where there is one."""


def by_autograd(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float, group: Any, slope: float | None = None
) -> tuple[Tensor]:
    """Formulas as the module calls them."""
    return (activated(formulas.forward(x, gamma, beta, eps, group)[0], slope),)


FUNCTIONS: dict[str, Any] = {"autograd": by_autograd, "manual": batch_norm}


def case(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, dy, γ and β of the joint batch."""
    generator = torch.Generator().manual_seed(7)
    shape = SHAPES[name]
    x, dy = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    gamma, beta = torch.randn(2, shape[1], generator=generator, dtype=torch.float64)
    # The processes' batches differ in mean and spread, as those of a shuffled data set would not.
    x[SIZES[0] :] = 1.5 * x[SIZES[0] :] + 0.5
    if name == "far from zero":
        x = (1e4 + 1e-2 * x).float().double()
    return x, dy, gamma, beta


def run(
    name: str, kind: str, own: slice, group: Any, dtype: torch.dtype = torch.float64
) -> dict[str, Tensor]:
    """All that a process computes of its part of the batch, float32 or float64."""
    x, dy, gamma, beta = (t.to(dtype) for t in case(name))
    x, dy = x[own].requires_grad_(), dy[own]
    module = KINDS[kind](len(gamma), momentum=None, track_running_stats=True, process_group=group).to(dtype)
    with torch.no_grad():
        module.weight.copy_(gamma)
        module.bias.copy_(beta)
    y = module(x, SLOPES.get(name))
    inputs = (x, module.weight, module.bias)
    dx, dgamma, dbeta = torch.autograd.grad(y, inputs, dy)
    tensors = {"y": y.detach(), "dx": dx, "dgamma": dgamma, "dbeta": dbeta}
    if dtype == torch.float64:  # a gradient of the gradients
        y = FUNCTIONS[kind](*inputs, 1e-5, group, SLOPES.get(name))[0]
        first = torch.autograd.grad(y, (x,), dy, create_graph=True)[0]
        tensors["ddx"], tensors["ddgamma"] = torch.autograd.grad((first * dy.cos()).sum(), (x, module.weight))
    return tensors | {f"buffer.{key}": value for key, value in module.named_buffers()}


def one_process(rank: int, folder: str) -> None:
    """Write what one process computes, for all cases at once: starting processes is what takes time."""
    torch.set_num_threads(1)
    store = (Path(folder) / "store").as_uri()
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=len(SIZES))
    try:
        group = dist.group.WORLD
        own = slice(sum(SIZES[:rank]), sum(SIZES[: rank + 1]))
        results: dict[Any, Any] = {
            (name, kind): run(name, kind, own, group) for name in SHAPES for kind in KINDS
        } | {("float32", kind): run("far from zero", kind, own, group, torch.float32) for kind in KINDS}
        for kind, function in FUNCTIONS.items():
            # One value per channel on each process are two in all, and one process with one has too few.
            single = torch.tensor([[rank + 1.0]], dtype=torch.float64)
            ones = torch.ones(1, dtype=torch.float64)
            results["single", kind] = function(single, ones, ones, 0.0, group)[0]
            alone = dist.new_group([0])
            if rank == 0:
                with pytest.raises(ValueError, match="one value per channel"):
                    function(single, ones, ones, 0.0, alone)
        torch.save(results, Path(folder) / f"{rank}.pt")
        dist.barrier()
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def outcomes(beforehand: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    """What each process computed."""
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("this torch was built without gloo, which connects processes on CPU")
    folder = tmp_path_factory.mktemp("processes")
    with beforehand():  # its cache of compiled loops
        torch.multiprocessing.spawn(one_process, (str(folder),), nprocs=len(SIZES))
    return [torch.load(folder / f"{rank}.pt") for rank in range(len(SIZES))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_processes_find_what_one_would_of_the_joint_batch(
    outcomes: list[dict[Any, Any]], name: str, kind: str
) -> None:
    parts = [outcome[name, kind] for outcome in outcomes]
    whole = run(name, kind, slice(None), None)
    x, _, gamma, beta = case(name)
    native = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
    native = activated(native, SLOPES.get(name))
    torch.testing.assert_close(whole["y"], native, rtol=0, atol=1e-6 if name == "far from zero" else 1e-12)
    for key, expected in whole.items():
        if key.startswith("buffer."):
            for part in parts:
                torch.testing.assert_close(
                    part[key], expected, rtol=1e-9 if name == "far from zero" else 1e-12, atol=1e-12
                )
        else:
            shared = key in ("dgamma", "dbeta", "ddgamma")
            actual = sum(part[key] for part in parts) if shared else torch.cat([part[key] for part in parts])
            tolerance = 1e-9 if name == "far from zero" else 1e-12  # the mean itself is rounded, 1e-10 of σ
            scale = max(1.0, float(expected.abs().max()))
            torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("kind", KINDS)
def test_each_process_returns_its_own_share_for_the_parameters(
    outcomes: list[dict[Any, Any]], kind: str
) -> None:
    _, dy, _, _ = case("pictures")
    for part, own in zip(outcomes, dy.split(SIZES), strict=True):
        torch.testing.assert_close(part["pictures", kind]["dbeta"], own.sum((0, 2, 3)))


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_exact_far_from_zero(outcomes: list[dict[Any, Any]], kind: str) -> None:
    whole = run("far from zero", kind, slice(None), None)
    for key in "y", "dx":
        actual = torch.cat([outcome["float32", kind][key] for outcome in outcomes]).double()
        assert float((actual - whole[key]).abs().max() / whole[key].abs().max()) <= 2e-6, key


@pytest.mark.parametrize("kind", KINDS)
def test_one_value_on_each_process_is_enough(outcomes: list[dict[Any, Any]], kind: str) -> None:
    torch.testing.assert_close([outcome["single", kind].item() for outcome in outcomes], [0.0, 2.0])
