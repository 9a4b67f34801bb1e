"""Batch norm where squares would cancel: a mean far from zero, a first sample far from all others."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual

KINDS = [BatchNormManual, BatchNormAutograd]
SHAPES = {"rows": (1000, 6), "planes": (40, 6, 5, 7), "channels last": (40, 6, 5, 7)}
EPS = 1e-9
pytestmark = [pytest.mark.parametrize("kind", KINDS), pytest.mark.parametrize("name", SHAPES)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20261128)


def far(name: str, first: float | None, dtype: torch.dtype) -> Tensor:
    """Numbers whose mean is as far from zero as the dtype's digits allow; the first may differ."""
    mean, deviation = (1e4, 1e-2) if dtype == torch.float32 else (256.0, 2.0)
    x = mean + deviation * torch.randn(SHAPES[name], dtype=torch.float64)
    if first is not None:
        x[0] = first
    x = x.to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if name == "channels last" else x


def results(module: Any, x: Tensor, dy: Tensor) -> dict[str, Tensor]:
    x = x.detach().requires_grad_()
    y = module(x)
    gradients = torch.autograd.grad(y, (x, module.weight, module.bias), dy)
    names = "y", "dx", "dgamma", "dbeta"
    return dict(zip(names, (y.detach(), *gradients), strict=True)) | {"var": module.running_var}


def exactly(module: Any, x: Tensor, dy: Tensor) -> dict[str, Tensor]:
    """What torch computes in float64 of the same."""
    x, gamma, beta, dy = (t.detach().double() for t in (x, module.weight, module.bias, dy))
    arguments = [t.requires_grad_() for t in (x, gamma, beta)]
    y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
    names = "y", "dx", "dgamma", "dbeta"
    axes = [axis for axis in range(x.ndim) if axis != 1]
    values = (y.detach(), *torch.autograd.grad(y, arguments, dy))
    return dict(zip(names, values, strict=True)) | {"var": x.detach().var(axes)}


# The last is so far from all others that it is nearly all of σ.
@pytest.mark.parametrize("first", [None, 1e4 - 1, 0.0], ids=["no outlier", "100 σ off", "zero"])
def test_float32(name: str, kind: Any, first: float | None) -> None:
    x, dy = far(name, first, torch.float32), torch.randn(SHAPES[name])
    module = kind(x.shape[1], EPS, momentum=1.0, track_running_stats=True)
    torch.nn.init.normal_(module.weight)
    actual, expected = results(module, x, dy), exactly(module, x, dy)
    for key, value in expected.items():
        error = float(((actual[key] - value).abs() / value.abs().max()).max())
        assert error <= 2e-6, (key, error)


@pytest.mark.parametrize("first", [None, 0.0], ids=["no outlier", "zero"])
def test_bfloat16(name: str, kind: Any, first: float | None) -> None:
    x, dy = far(name, first, torch.bfloat16), torch.randn(SHAPES[name]).bfloat16()
    module = kind(x.shape[1], EPS, momentum=1.0, track_running_stats=True)
    torch.nn.init.normal_(module.weight)
    actual, expected = results(module, x, dy), exactly(module, x, dy)
    for key, value in expected.items():
        digits = 2 * torch.finfo(torch.bfloat16).eps if key in ("y", "dx") else 2e-6
        error = float(((actual[key] - value).abs() / value.abs().max()).max())
        assert error <= digits, (key, error)


@pytest.mark.parametrize("first", [0.0, 255.0])
def test_a_first_pixel_that_is_black(name: str, kind: Any, first: float) -> None:
    """In one image alone; all others are bright, with little contrast."""
    x = 100 + torch.rand(SHAPES[name])
    x = x.contiguous(memory_format=torch.channels_last) if name == "channels last" else x
    x[(0, slice(None), *(0,) * (x.ndim - 2))] = first
    dy = torch.randn(SHAPES[name])
    module = kind(x.shape[1], EPS, momentum=1.0, track_running_stats=True)
    actual, expected = results(module, x, dy), exactly(module, x, dy)
    for key, value in expected.items():
        error = float(((actual[key] - value).abs() / value.abs().max()).max())
        assert error <= 2e-6, (key, error)
