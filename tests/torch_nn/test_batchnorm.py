"""Batch norm, by autograd and by hand, against torch's own: values, gradients, settings, state and doors."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backproof.torch_nn.batchnorm import BatchNormAutograd, BatchNormManual

OURS = [BatchNormAutograd, BatchNormManual]
SHAPES = [
    (2, 1), (7, 5), (64, 3), (4, 3, 5, 6), (3, 2, 1, 1), (1, 3, 4, 4), (2, 1, 3, 3),
    (3, 2, 4), (2, 3, 2, 2, 2),
]  # fmt: skip
Build = Callable[..., Any]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20261122)


def native_of(module: Any, x: Tensor) -> nn.Module:
    """Make torch's own module for x, with the same numbers."""
    kinds: dict[int, Any] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    native: nn.Module = kinds[x.ndim](
        module.num_features, module.eps, module.momentum, track_running_stats=module.track_running_stats
    ).to(module.weight.dtype)
    native.load_state_dict(module.state_dict())
    return native.train(module.training)


def built(kind: Any, num_features: int, dtype: torch.dtype = torch.float64, **settings: Any) -> Any:
    """A module with random γ and β."""
    module = kind(num_features, **settings).to(dtype)
    with torch.no_grad():
        module.weight.normal_()
        module.bias.normal_()
    return module


def results(module: Any, x: Tensor, dy: Tensor) -> dict[str, Tensor]:
    """Take y and all gradients, given an upstream gradient."""
    x = x.detach().requires_grad_()
    y = module(x)
    names = "dx", "dgamma", "dbeta"
    return {"y": y.detach()} | dict(
        zip(names, torch.autograd.grad(y, (x, module.weight, module.bias), dy), strict=True)
    )


def assert_same(actual: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-12) -> None:
    for name, value in expected.items():
        assert actual[name].shape == value.shape, name
        assert actual[name].dtype == value.dtype, name
        scale = max(1.0, float(value.abs().max()))
        assert float((actual[name] - value).abs().max()) <= tolerance * scale, name


# Each case: how the module is made and run, and how its input is laid out.
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "eps": {"eps": 0.3},
    "tracking": {"track_running_stats": True},
    "cumulative": {"track_running_stats": True, "momentum": None},
    "evaluating": {"track_running_stats": True, "eval": True},
    "evaluating without statistics": {"eval": True},
}


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_every_number_is_the_one_of_torch(kind: Build, shape: tuple[int, ...], case: str) -> None:
    settings = dict(CASES[case])
    evaluating = settings.pop("eval", False)
    module = built(kind, shape[1], **settings)
    native = native_of(module, torch.zeros(shape))
    for _ in range(3):  # statistics run on
        x, dy = 2 * torch.randn(shape, dtype=torch.float64) + 3, torch.randn(shape, dtype=torch.float64)
        assert_same(results(module, x, dy), results(native, x, dy))
        assert module.state_dict().keys() == native.state_dict().keys()
        assert_same(module.state_dict(), native.state_dict())
    if evaluating:
        module.eval()
        native.eval()
        before = copy.deepcopy(module.state_dict())
        assert_same(results(module, x, dy), results(native, x, dy))
        assert_same(module.state_dict(), before, 0.0)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda t: t,
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "transposed": lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
    "every second": lambda t: torch.stack((t, t), -1).flatten(3)[..., ::2],
    "expanded": lambda t: t[:1, :, :, :1].expand(t.shape),
}


@pytest.mark.parametrize("kind", [*OURS, nn.BatchNorm2d])
@pytest.mark.parametrize("of_x", [name for name in LAYOUTS if name != "expanded"])
@pytest.mark.parametrize("of_dy", LAYOUTS)
def test_layouts(kind: Build, of_x: str, of_dy: str) -> None:
    x, dy = torch.randn(2, 4, 3, 6, 5, dtype=torch.float64)
    x, dy = LAYOUTS[of_x](x), LAYOUTS[of_dy](dy)
    module = built(kind, 3, track_running_stats=False)
    actual = results(module, x, dy)
    assert_same(actual, results(module, x.contiguous(), dy.contiguous()))
    if of_x == "channels last":
        assert actual["y"].is_contiguous(memory_format=torch.channels_last)
        if of_dy == "channels last" or kind is not BatchNormAutograd:  # whose dx follows dy
            assert actual["dx"].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("shape", [(512, 8), (16, 8, 6, 5)], ids=str)
def test_a_mean_far_from_zero_costs_no_more_than_float32_must(kind: Build, shape: tuple[int, ...]) -> None:
    x = (1e4 + 1e-2 * torch.randn(shape, dtype=torch.float64)).float()
    dy = torch.randn(shape)
    module = built(kind, shape[1], torch.float32, momentum=1.0, track_running_stats=True, eps=1e-9)
    native = native_of(module, x)
    exact = copy.deepcopy(module).double()
    expected, actual, natives = (
        results(exact, x.double(), dy.double()), results(module, x, dy), results(native, x, dy)
    )  # fmt: skip

    def error(of: dict[str, Tensor], name: str) -> float:
        return float((of[name] - expected[name]).abs().max() / expected[name].abs().max())

    for name in expected:
        assert error(actual, name) <= 2e-6, name
        assert error(actual, name) <= error(natives, name) + 1e-6, name
    # The mean is rounded to float32; the variance, of what is left, need not be worse.
    torch.testing.assert_close(module.running_mean, exact.running_mean.float(), rtol=6e-8, atol=0)
    torch.testing.assert_close(module.running_var, exact.running_var.float(), rtol=2e-6, atol=0)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("parameters", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(64, 5), (8, 5, 4, 4)], ids=str)
def test_bfloat16(kind: Build, parameters: torch.dtype, shape: tuple[int, ...]) -> None:
    x, dy = torch.randn(shape).bfloat16(), torch.randn(shape).bfloat16()
    module = built(kind, 5, parameters)
    exact = copy.deepcopy(module).double()
    with torch.autocast("cpu", torch.bfloat16, enabled=parameters == torch.float32):
        actual, natives = results(module, x, dy), results(native_of(module, x), x, dy)
    expected = results(exact, x.double(), dy.double())
    for name, value in actual.items():
        assert value.dtype == natives[name].dtype, name
        unit = torch.finfo(value.dtype).eps
        tolerance = 2 * unit if value.dtype == torch.bfloat16 else 1e-6
        assert float((value - expected[name]).abs().max() / expected[name].abs().max()) <= tolerance, name


def test_states_pass_both_ways() -> None:
    x = torch.randn(6, 3, 2, 2)
    for kind in OURS:
        ours, native = built(kind, 3, torch.float32, track_running_stats=True), nn.BatchNorm2d(3)
        ours(x)
        native.load_state_dict(ours.state_dict())
        native(2 * x + 1)
        ours.load_state_dict(native.state_dict())
        assert ours.num_batches_tracked == 2
        torch.testing.assert_close(ours.eval()(x), native.eval()(x))
        plain, native_plain = kind(3), nn.BatchNorm1d(3, track_running_stats=False)
        plain.load_state_dict(native_plain.state_dict())
        native_plain.load_state_dict(plain.state_dict())


def test_parameters_start_as_identity() -> None:
    for kind in OURS:
        module = kind(4, track_running_stats=True)
        assert module.state_dict().keys() == nn.BatchNorm1d(4).state_dict().keys()
        assert_same(module.state_dict(), nn.BatchNorm1d(4).state_dict(), 0.0)
        assert repr(module) == repr(nn.BatchNorm1d(4)).replace("BatchNorm1d", kind.__name__)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 2), r"x has shape \(4, 2\), expected \(B, C\) or \(B, C, H, W\) with C = 3"),
        ((3,), r"x has shape \(3,\), expected"),
        ((), r"x has shape \(\), expected"),
        ((2, 4, 4, 3), r"x has shape \(2, 4, 4, 3\), expected"),
        ((0, 3), r"x has shape \(0, 3\), which holds no value"),
        ((2, 3, 0, 4), r"x has shape \(2, 3, 0, 4\), which holds no value"),
        ((1, 3), r"x has shape \(1, 3\), one value per channel"),
        ((1, 3, 1, 1), r"x has shape \(1, 3, 1, 1\), one value per channel"),
    ],
)
def test_doors(kind: Build, shape: tuple[int, ...], message: str) -> None:
    module = kind(3, track_running_stats=True)
    with pytest.raises(ValueError, match=message):
        module(torch.zeros(shape))
    assert module.num_batches_tracked == 0
    if "value" not in message:
        with pytest.raises(ValueError, match=message):
            module.eval()(torch.zeros(shape))
    else:  # which other statistics can normalise
        assert module.eval()(torch.ones(shape)).shape == shape
    with pytest.raises(TypeError, match=r"dtype torch\.int64"):
        module(torch.zeros((2, 3), dtype=torch.int64))
    with pytest.raises(ValueError, match="at least one feature, got 0"):
        kind(0)


@pytest.mark.parametrize("kind", OURS)
def test_constant_channels(kind: Build) -> None:
    module = built(kind, 3, torch.float32, track_running_stats=True)
    x = torch.tensor([1e4 / 3, 0.1, -7.0]).expand(50, 3)
    for value in results(module, x, torch.randn(50, 3)).values():
        assert value.isfinite().all()
    assert (module.running_var >= 0).all()
    torch.testing.assert_close(module(x), module.bias.detach().expand(50, 3), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", OURS)
def test_inputs_are_left_as_they_were(kind: Build) -> None:
    module, x, dy = built(kind, 3), *torch.randn(2, 5, 3, 2, 2, dtype=torch.float64)
    kept = [t.clone() for t in (x, dy, module.weight, module.bias)]
    results(module, x, dy)
    for tensor, before in zip((x, dy, module.weight, module.bias), kept, strict=True):
        assert torch.equal(tensor, before)
