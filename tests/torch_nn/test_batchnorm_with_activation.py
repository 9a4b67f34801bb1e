"""Batch norm with a LeakyReLU in the same pass: values and gradients of one after the other, no more kept."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual, batch_norm

pytestmark = [
    pytest.mark.slow,  # for what is compiled first
    # Forward mode compiles its own decompositions with a function that torch itself has deprecated.
    pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning"),
]
EPS = 1e-3
SHAPES = {"rows": (7, 5), "planes": (4, 3, 5, 6), "channels last": (4, 3, 5, 6), "one pixel": (6, 3, 1, 1)}
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
DIGITS = {torch.float32: 5e-6, torch.float64: 1e-12, torch.bfloat16: 1e-2}
KINDS = [BatchNormManual, BatchNormAutograd]
by_slope = pytest.mark.parametrize("slope", [0.0, 0.02])
by_shape = pytest.mark.parametrize("name", SHAPES)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20261128)


def images(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    x = (2 * torch.randn(SHAPES[name]) + 3).to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if name == "channels last" else x


def inputs(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """x, γ and β, which ask for gradients."""
    x = images(name)
    gamma, beta = torch.randn(2, x.shape[1], dtype=torch.float64)
    return x.requires_grad_(), gamma.requires_grad_(), beta.requires_grad_()


def apart(x: Tensor, gamma: Tensor, beta: Tensor, slope: float) -> Tensor:
    """PyTorch's batch norm, and then its activation."""
    return F.leaky_relu(F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS), slope)


def close(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@by_slope
@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 2, 2), (3, 2, 1, 1)], ids=str)
def test_derivatives_are_those_of_differences(shape: tuple[int, ...], slope: float) -> None:
    def f(*of: Tensor) -> Tensor:
        return batch_norm(*of, EPS, slope=slope)[0]

    of = shape, shape[1:2], shape[1:2]
    arguments = [torch.randn(one, dtype=torch.float64).requires_grad_() for one in of]
    assert gradcheck(f, arguments, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(f, arguments, check_fwd_over_rev=True)


@by_slope
@by_shape
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_is_both_after_each_other(kind: Any, name: str, dtype: torch.dtype, slope: float) -> None:
    x, dy = images(name, dtype).requires_grad_(), images(name).sub(3).to(dtype)
    module = kind(x.shape[1], EPS, track_running_stats=True).to(x.dtype)
    with torch.no_grad():
        module.weight.normal_()
        module.bias.normal_()
    y = module(x, slope)
    gradients = torch.autograd.grad(y, (x, module.weight, module.bias), dy)
    exact = [t.detach().double().requires_grad_() for t in (x, module.weight, module.bias)]
    expected = apart(*exact, slope)
    for actual, value in zip(
        (y, *gradients), (expected, *torch.autograd.grad(expected, exact, dy.double())), strict=True
    ):
        assert actual.dtype == dtype
        tolerance = DIGITS[dtype] * max(1.0, float(value.detach().abs().max()))
        close(actual.detach().double(), value.detach(), tolerance)
    # Statistics are of what comes before both.
    plain = kind(x.shape[1], EPS, track_running_stats=True).to(x.dtype)
    plain(x)
    torch.testing.assert_close(dict(module.named_buffers()), dict(plain.named_buffers()), rtol=0, atol=0)


@by_slope
@by_shape
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_in_evaluation(kind: Any, name: str, dtype: torch.dtype, slope: float) -> None:
    x, dy = images(name, dtype), images(name).sub(3).to(dtype)
    module = kind(x.shape[1], EPS, track_running_stats=True).to(dtype)
    for _ in range(3):
        module(images(name, dtype))
    module.eval()
    x.requires_grad_()
    expected = F.leaky_relu(module(x), slope)
    y = module(x, slope)
    close(y, expected, DIGITS[dtype])
    inputs = x, module.weight, module.bias
    close(torch.autograd.grad(y, inputs, dy), torch.autograd.grad(expected, inputs, dy), DIGITS[dtype])
    with torch.no_grad():
        close(module(x, slope), expected.detach(), 2 * DIGITS[dtype])


@by_slope
@by_shape
def test_second_derivatives(name: str, slope: float) -> None:
    arguments = inputs(name)
    dy = images(name).sub(3).requires_grad_()

    def second(y: Tensor) -> Any:
        first = torch.autograd.grad(y, arguments, dy, create_graph=True)
        loss = sum((gradient * gradient.cos()).sum() for gradient in first)
        return torch.autograd.grad(loss, (*arguments[:2], dy))

    actual, expected = second(batch_norm(*arguments, EPS, slope=slope)[0]), second(apart(*arguments, slope))
    for one, other in zip(actual, expected, strict=True):
        close(one, other, 1e-10 * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("wanted", ["x", "gamma", "beta"])
@by_slope
@by_shape
def test_only_what_is_needed(name: str, slope: float, wanted: str) -> None:
    arguments = inputs(name)
    needed = dict(zip(("x", "gamma", "beta"), arguments, strict=True))[wanted]
    for tensor in arguments:
        tensor.requires_grad_(tensor is needed)
    dy = images(name)
    actual = torch.autograd.grad(batch_norm(*arguments, EPS, slope=slope)[0], needed, dy)
    close(actual, torch.autograd.grad(apart(*arguments, slope), needed, dy), 1e-11)


@pytest.mark.parametrize("kind", KINDS[:1])
@by_slope
def test_where_z_is_zero_the_slope_counts_as_in_torch(kind: Any, slope: float) -> None:
    """With γ = 0 and β = 0 every z is zero, which is not positive."""
    x, dy = images("planes").requires_grad_(), images("planes")
    module = kind(3, EPS).double()
    torch.nn.init.zeros_(module.weight)
    y = module(x, slope)
    actual = torch.autograd.grad(y, (x, module.weight, module.bias), dy)
    assert not y.any()
    expected = apart(x, module.weight, module.bias, slope)
    close(actual, torch.autograd.grad(expected, (x, module.weight, module.bias), dy))


@pytest.mark.parametrize("slope", [None, 0.0, 0.02])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@by_shape
def test_nan_stays(name: str, dtype: torch.dtype, slope: float | None) -> None:
    """An activation hides no broken number."""
    x = images(name, dtype)
    x[(0,) * x.ndim] = torch.nan
    y = BatchNormManual(x.shape[1]).to(dtype)(x, slope)
    assert y[:, 0].isnan().all()
    assert y[:, 1:].isfinite().all()


@by_shape
@pytest.mark.parametrize("dtypes", [(torch.float32,) * 2, (torch.bfloat16, torch.float32)], ids=str)
def test_no_more_is_saved_than_for_native_batch_norm_and_relu(
    name: str, dtypes: tuple[torch.dtype, torch.dtype]
) -> None:
    x = images(name, dtypes[0]).requires_grad_()
    gamma, beta = (torch.randn(x.shape[1], dtype=dtypes[1]).requires_grad_() for _ in range(2))

    def saved(f: Any) -> int:
        sizes: dict[int, int] = {}  # y, which both native ones keep, counts once

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
            kept.append(tensor)
            return tensor

        kept: list[Tensor] = []
        with saved_tensors_hooks(pack, lambda tensor: tensor):
            kept.append(f())
        return sum(sizes.values())

    ours = saved(lambda: batch_norm(x, gamma, beta, EPS, slope=0.0)[0])
    native = saved(lambda: F.relu(F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)))
    assert x.numel() * x.element_size() <= ours < native
