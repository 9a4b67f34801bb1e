"""Loops run in torch's threads, as many as torch is told to use; threads and forks are safe."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from backproof.torch_nn.batchnorm import batch_norm
from backproof.torch_nn.loop_compiler import openmp

pytestmark = pytest.mark.slow
SHAPES = {"rows": (400, 130), "planes": (20, 26, 100)}
"""Enough values for several threads."""


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def case(shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, γ, β and dy in float32."""
    generator = torch.Generator().manual_seed(20261128)
    of = shape, shape[1:2], shape[1:2], shape
    x, gamma, beta, dy = (torch.randn(one, generator=generator) for one in of)
    return x.requires_grad_(), gamma.requires_grad_(), beta.requires_grad_(), dy


def results(x: Tensor, gamma: Tensor, beta: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    y, mean, var = batch_norm(x, gamma, beta)
    return y.detach(), mean, var, *torch.autograd.grad(y, (x, gamma, beta), dy)


def natively(x: Tensor, gamma: Tensor, beta: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
    axes = [axis for axis in range(x.ndim) if axis != 1]
    mean, var = x.detach().mean(axes), x.detach().var(axes, correction=0)
    return y.detach(), mean, var, *torch.autograd.grad(y, (x, gamma, beta), dy)


def assert_close(actual: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-4)


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, which this one outlives, and what it forks too."""
    pipe, command = subprocess.PIPE, [sys.executable, "-c", program]
    environ = os.environ | environment
    with subprocess.Popen(
        command, env=environ, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_loops_use_as_many_threads_as_torch(shape: tuple[int, ...]) -> None:
    arguments = case(shape)
    expected = natively(*arguments)
    for number in 1, 2, 3, 5:
        torch.set_num_threads(number)
        assert openmp.n_threads(arguments[0].numel()) == (number if openmp.FOUND else 1)
        first = results(*arguments)
        assert torch.get_num_threads() == number
        assert_close(first, expected)
        for again in range(5):
            for one, other in zip(first, results(*arguments), strict=True):
                assert torch.equal(one, other), (number, again)


def test_few_values_are_not_divided() -> None:
    torch.set_num_threads(3)
    assert [openmp.n_threads(values) for values in (1, 16_000)] == [1, 1]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_threads_that_enter_at_once(shape: tuple[int, ...]) -> None:
    torch.set_num_threads(2)
    arguments = case(shape)
    expected = results(*arguments)
    with ThreadPoolExecutor(4) as pool:
        for outcome in pool.map(lambda _: results(*arguments), range(60)):
            for one, other in zip(outcome, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_another_thread_uses_as_many() -> None:
    torch.set_num_threads(3)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(openmp.n_threads, 10**6).result() == (3 if openmp.FOUND else 1)


BEGIN = """
import os, sys
import torch
torch.set_num_threads(3)
from backproof.torch_nn.batchnorm import batch_norm

def of(shape):
    x, dy = torch.randn(2, *shape, generator=torch.Generator().manual_seed(7))
    return x.requires_grad_(), dy

def results(shape):
    x, dy = of(shape)
    y = batch_norm(x, torch.ones(shape[1]), torch.zeros(shape[1]), slope=0.0)[0]
    return y.detach(), *torch.autograd.grad(y, x, dy)

def same(actual, expected):
    return all(torch.allclose(*pair, rtol=1e-4, atol=1e-4) for pair in zip(actual, expected, strict=True))

def check(shape):
    x, dy = of(shape)
    y = torch.nn.functional.batch_norm(x, None, None, training=True).relu()
    assert same(results(shape), (y.detach(), *torch.autograd.grad(y, x, dy)))
"""


def test_the_number_of_threads_stays() -> None:
    done = run(BEGIN + "check((400, 130)); import numba; print(torch.get_num_threads())")
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr


@pytest.mark.parametrize(
    "environment", [{"OMP_THREAD_LIMIT": "2"}, {"OMP_DYNAMIC": "true"}, {"OMP_NUM_THREADS": "1"}], ids=str
)
def test_all_is_computed_where_openmp_grants_fewer_threads(environment: dict[str, str]) -> None:
    done = run(BEGIN + "[check(shape) for shape in ((400, 130), (20, 26, 100))]", **environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_forked_process_after_loops_ran() -> None:
    """Where numba's own threads would end it, and OpenMP's would not answer."""
    done = run(
        BEGIN
        + """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # threads are there, and this is about them
shape = (200, 130)  # too little for torch's own threads, which do not survive a fork
check(shape)
expected = results(shape)

def child(queue):
    queue.put(same(results(shape), expected))

context = multiprocessing.get_context("fork")
queue = context.Queue()
for _ in range(2):
    process = context.Process(target=child, args=(queue,), daemon=True)
    process.start()
    print(queue.get(timeout=60))
    process.join(60)
    print(process.exitcode)
if os.fork() == 0:
    if os.fork() == 0:  # a child of a child
        os._exit(7 if same(results(shape), expected) else 1)
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
print(os.waitstatus_to_exitcode(os.wait()[1]))
print(all(map(torch.equal, results(shape), expected)))  # the parent goes on in all its threads
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "0", "True", "0", "7", "True"]


def test_workers_that_load_data_beside_training() -> None:
    done = run(
        BEGIN
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
from torch.utils.data import DataLoader
from backproof.torch_nn.batchnorm import BatchNormManual

class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 1200
    def __getitem__(self, number):  # normalised in the worker, too
        rows = torch.randn(4, 26, generator=torch.Generator().manual_seed(number))
        return batch_norm(rows, torch.ones(26), torch.zeros(26))[0]

module = BatchNormManual(26, track_running_stats=True)
results((400, 130))
if __name__ == "__main__":
    for epoch in range(2):
        for batch in DataLoader(Data(), batch_size=300, num_workers=2, multiprocessing_context="fork"):
            module(batch.flatten(0, 1)).square().sum().backward()
    print(module.num_batches_tracked.item(), module.weight.grad.isfinite().all().item())
"""
    )
    assert (done.stdout, done.returncode) == ("8 True\n", 0), done.stderr
