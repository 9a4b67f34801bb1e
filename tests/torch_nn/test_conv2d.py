"""Conv2d against torch's own: every output, gradient, transform and setting."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from backproof.torch_nn import offset_products
from backproof.torch_nn.conv2d import Conv2d

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own

SMALL = [(2, 2), (1, 1), (2, 1), (1, 4), (2, 3), (3, 3), (4, 4)]
"""Height and width of images that the products of offset_products.py take part in, with a 3 × 3 kernel."""
PASSES = ("forward", "input_gradient", "weight_gradient", "bias_gradient")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count which of the products are called."""
    called: list[str] = []

    def counted(name: str) -> Callable[..., Tensor]:
        original = getattr(offset_products, name)

        def call(*args: Any) -> Tensor:
            called.append(name)
            return original(*args)

        return call

    for name in PASSES:
        monkeypatch.setattr(offset_products, name, counted(name))
    return called


def pair(
    *args: Any, dtype: torch.dtype = torch.float64, layout: Any = torch.channels_last, **settings: Any
) -> Iterator[nn.Conv2d]:
    """Make ours, then torch's with the same parameters."""
    ours = Conv2d(*args, **settings)
    native = nn.Conv2d(*args, **settings)
    native.load_state_dict(ours.state_dict())
    return (layer.to(dtype=dtype, memory_format=layout) for layer in (ours, native))


def everything(layer: nn.Conv2d, x: Tensor, dy: Tensor) -> list[Tensor]:
    """Return y and every gradient."""
    leaf = x.detach().clone().requires_grad_()
    y = layer(leaf)
    return [y.detach(), *torch.autograd.grad(y, [leaf, *layer.parameters()], dy)]


def assert_as_torch(ours: nn.Conv2d, native: nn.Conv2d, x: Tensor) -> None:
    dy = torch.randn_like(native(x))
    for value, expected in zip(everything(ours, x, dy), everything(native, x, dy), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
        assert value.stride() == expected.stride() or not len(x)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SMALL)
def test_small_images_are_convolved_as_torch_does(
    size: tuple[int, int], bias: bool, products: list[str]
) -> None:
    ours, native = pair(5, 7, 3, padding=1, bias=bias)
    x = torch.randn(6, 5, *size, dtype=torch.float64).to(memory_format=torch.channels_last)
    assert_as_torch(ours, native, x)
    assert "weight_gradient" in products


@pytest.mark.parametrize(
    ("kernel", "padding", "size"),
    [((5, 3), (2, 1), (3, 2)), ((1, 3), (0, 1), (3, 2)), (7, 3, (3, 3)), (7, 3, (1, 2))],
)
def test_other_kernels(kernel: Any, padding: Any, size: tuple[int, int], products: list[str]) -> None:
    ours, native = pair(3, 4, kernel, padding=padding)
    assert_as_torch(ours, native, torch.randn(5, 3, *size, dtype=torch.float64))
    assert "weight_gradient" in products


@pytest.mark.parametrize(
    ("size", "expected"),
    [((2, 2), set(PASSES)), ((4, 4), set(PASSES)), ((5, 5), set[str]()), ((1, 9), set(PASSES))],
)
def test_products_are_for_images_that_are_small(
    size: tuple[int, int], expected: set[str], products: list[str]
) -> None:
    ours, native = pair(3, 4, 3, padding=1)
    assert_as_torch(ours, native, torch.randn(5, 3, *size, dtype=torch.float64))
    assert set(products) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 2, "padding": 1},
        {"padding": 0},
        {"padding": (1, 0)},
        {"padding": 2},
        {"padding": "same"},
        {"padding": 1, "groups": 2},
        {"padding": 2, "dilation": 2},
        {"padding": 1, "dilation": 2},
        {"padding": 1, "padding_mode": "reflect"},
        {"padding": 1, "padding_mode": "circular"},
    ],
)
def test_other_settings_are_torchs(settings: dict[str, Any], products: list[str]) -> None:
    ours, native = pair(4, 6, 3, **settings)
    assert_as_torch(ours, native, torch.randn(5, 4, 3, 3, dtype=torch.float64))
    assert not products


def test_an_even_kernel_is_torchs(products: list[str]) -> None:
    assert_as_torch(*pair(4, 6, 2, padding=1), torch.randn(5, 4, 2, 2, dtype=torch.float64))
    assert not products


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("x_layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(2, 2), (4, 4)])
def test_every_layout(size: tuple[int, int], x_layout: Any, layout: Any, products: list[str]) -> None:
    x = torch.randn(6, 5, *size, dtype=torch.float64).to(memory_format=x_layout)
    assert_as_torch(*pair(5, 7, 3, padding=1, layout=layout), x)
    assert bool(products) == (layout is torch.channels_last)


def test_input_with_any_strides() -> None:
    x = torch.randn(2, 2, 5, 12, dtype=torch.float64).permute(3, 2, 0, 1)[::2]
    assert_as_torch(*pair(5, 7, 3, padding=1), x)


@pytest.mark.parametrize("unwanted", ["x", "weight", "bias"])
@pytest.mark.parametrize("size", [(2, 2), (4, 4)])
def test_gradients_that_nobody_needs_are_left_out(
    size: tuple[int, int], unwanted: str, products: list[str]
) -> None:
    ours, native = pair(5, 7, 3, padding=1)
    x, dy = torch.randn(3, 5, *size, dtype=torch.float64), torch.randn(3, 7, *size, dtype=torch.float64)
    for layer in (ours, native):
        for name, param in layer.named_parameters():
            param.requires_grad_(name != unwanted)
    leaves = [x.clone().requires_grad_(unwanted != "x") for _ in range(2)]
    for layer, leaf in zip((ours, native), leaves, strict=True):
        layer(leaf).backward(dy)
    name = {"x": "input_gradient", "weight": "weight_gradient", "bias": "bias_gradient"}[unwanted]
    assert name not in products
    gradients = zip((leaves[0], *ours.parameters()), (leaves[1], *native.parameters()), strict=True)
    for mine, theirs in gradients:
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
def test_first_and_second_derivatives(size: tuple[int, int], products: list[str]) -> None:
    layer, _ = pair(2, 3, 3, padding=1)
    x = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)

    def by_parameters(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        weight = weight.contiguous(memory_format=torch.channels_last)
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, x)

    inputs = (x, *layer.parameters())
    assert torch.autograd.gradcheck(by_parameters, inputs, check_batched_grad=True, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(by_parameters, inputs, check_batched_grad=True)
    assert products


def test_transforms_are_those_of_torch() -> None:
    ours, native = pair(2, 3, 3, padding=1)
    x, v = torch.randn(2, 4, 5, 2, 2, 2, dtype=torch.float64)

    def results(layer: nn.Conv2d) -> list[Any]:
        def loss(x: Tensor) -> Tensor:
            return layer(x).square().sum()

        leaf = x[0].clone().requires_grad_()
        y = layer(leaf)
        return [
            torch.func.vmap(layer)(x),
            torch.func.grad(loss)(x[0]),
            torch.func.vmap(torch.func.grad(loss))(x),
            torch.func.jvp(layer, (x[0],), (v[0],)),
            torch.func.hessian(loss)(x[0]),
            torch.func.jacrev(layer)(x[0]),
            torch.func.vmap(lambda dy: torch.autograd.grad(y, leaf, dy, retain_graph=True))(
                torch.ones(3, *y.shape, dtype=y.dtype)
            ),
            torch.autograd.functional.jacobian(layer, x[0], vectorize=True),
        ]

    torch.testing.assert_close(results(ours), results(native), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [(2, 2), (4, 4)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_multiplies_in_half_precision_as_torch_does(
    dtype: torch.dtype, size: tuple[int, int], products: list[str]
) -> None:
    ours, native = pair(40, 30, 3, padding=1, dtype=torch.float32)
    x = torch.randn(20, 40, *size).to(memory_format=torch.channels_last)
    dy = torch.randn(20, 30, *size)
    exact = everything(copy.deepcopy(native).double(), x.double(), dy.double())
    with torch.autocast("cpu", dtype):
        results = [everything(layer, x, dy.to(dtype)) for layer in (ours, native)]
    assert products
    for mine, theirs, truth in zip(*results, exact, strict=True):
        assert mine.dtype == theirs.dtype
        error, native_error = ((value.double() - truth).norm() for value in (mine, theirs))
        assert error <= 1.6 * native_error


def test_half_precision_itself(products: list[str]) -> None:
    ours, native = pair(40, 30, 3, padding=1, dtype=torch.bfloat16)
    x, dy = torch.randn(20, 40, 2, 2).bfloat16(), torch.randn(20, 30, 2, 2).bfloat16()
    for mine, theirs in zip(everything(ours, x, dy), everything(native, x, dy), strict=True):
        assert mine.dtype == theirs.dtype
        assert (mine - theirs).norm() <= 2**-7 * theirs.norm()
    assert products


def test_half_precisions_sums_over_offsets_are_rounded_once() -> None:
    """In bfloat16, 256 + 1 is 256: added one by one, the eight neighbours' ones would be lost."""
    ours, native = pair(2, 2, 3, padding=1, bias=False, dtype=torch.bfloat16)
    for layer in (ours, native):
        with torch.no_grad():
            layer.weight.fill_(1.0)[:, :, 1, 1] = 256.0
            layer.weight[0, 1] = layer.weight[1, 0] = 0.0
    x = torch.ones(1, 2, 3, 3, dtype=torch.bfloat16)
    y, dx, _ = everything(ours, x, x)
    assert y[0, :, 1, 1].tolist() == dx[0, :, 1, 1].tolist() == [264, 264]
    torch.testing.assert_close(y, native(x), rtol=0, atol=0)
    pixels, kernel = x.permute(0, 2, 3, 1), ours.weight.permute(0, 2, 3, 1)
    assert offset_products.input_gradient(pixels, kernel).dtype == torch.bfloat16


def test_a_doubled_precision_is_left_alone_by_autocast() -> None:
    ours, native = pair(4, 5, 3, padding=1)
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        assert_as_torch(ours, native, x)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_without_gradients(context: Any, products: list[str]) -> None:
    ours, native = pair(4, 5, 3, padding=1)
    with context():
        x = torch.randn(3, 4, 2, 2, dtype=torch.float64)
        torch.testing.assert_close(ours(x), native(x), rtol=1e-12, atol=1e-12)
    assert products == ["forward"]


def test_torch_compile_takes_torchs_convolution(products: list[str]) -> None:
    ours, native = pair(4, 5, 3, padding=1)
    compiled = torch.compile(ours, backend="eager", fullgraph=True)
    assert_as_torch(compiled, native, torch.randn(3, 4, 2, 2, dtype=torch.float64))
    assert not products


def test_an_empty_batch() -> None:
    assert_as_torch(*pair(4, 5, 3, padding=1), torch.randn(0, 4, 2, 2, dtype=torch.float64))


def test_one_image_without_a_batch() -> None:
    assert_as_torch(*pair(4, 5, 3, padding=1), torch.randn(4, 2, 2, dtype=torch.float64))


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(2, 3, 2, 2, dtype=torch.float64),
        torch.zeros(2, 4, 2, 2),
        torch.zeros(2, 4, 2, 2, dtype=torch.int64),
        torch.zeros(4, 2, dtype=torch.float64),
        torch.zeros(2, 4, 0, 2, dtype=torch.float64),
    ],
)
def test_what_does_not_fit_is_torchs_error(x: Tensor) -> None:
    ours, native = pair(4, 5, 3, padding=1)
    with pytest.raises(RuntimeError) as error:
        native(x)
    with pytest.raises(RuntimeError) as ours_error:
        ours(x)
    assert str(ours_error.value) == str(error.value)


def test_autocast_makes_no_images_of_whole_numbers() -> None:
    for layer in pair(4, 5, 3, padding=1, dtype=torch.float32):
        with torch.autocast("cpu", torch.bfloat16), pytest.raises(RuntimeError):
            layer(torch.zeros(2, 4, 2, 2, dtype=torch.int64))


@pytest.mark.parametrize("moved", ["weight", "bias"])
def test_forward_mode_by_one_parameter(moved: str) -> None:
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    ours, native = pair(4, 5, 3, padding=1)
    tangent = torch.randn_like(getattr(ours, moved))
    tangents = []
    for layer in (ours, native):
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(getattr(layer, moved).detach(), tangent)
            parameters = {**dict(layer.named_parameters()), moved: dual}
            y = torch.func.functional_call(layer, parameters, x)
            tangents.append(forward_ad.unpack_dual(y).tangent)
    torch.testing.assert_close(*tangents, rtol=1e-12, atol=1e-12)


def test_it_reads_and_saves_like_torchs() -> None:
    torch.manual_seed(5)
    ours = Conv2d(4, 5, kernel_size=3, padding=1)
    torch.manual_seed(5)
    native = nn.Conv2d(4, 5, kernel_size=3, padding=1)
    assert repr(ours) == repr(native)
    assert isinstance(ours, nn.Conv2d)
    torch.testing.assert_close(ours.state_dict(), native.state_dict(), rtol=0, atol=0)


def test_a_gradient_is_summed_over_uses_of_one_layer() -> None:
    ours, native = pair(4, 4, 3, padding=1)
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    for layer in (ours, native):
        (layer(layer(x)).square().sum() + F.relu(layer(x)).sum()).backward()
    for mine, theirs in zip(ours.parameters(), native.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-12, atol=1e-12)
