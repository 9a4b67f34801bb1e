"""Batch norm by hand runs compiled loops on plain tensors of the processor, formulas elsewhere: all right."""

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from backproof.torch_nn.batchnorm import BatchNormManual, batch_norm, function
from backproof.torch_nn.batchnorm.function import batch_norm_with_statistics

# Forward mode, torch.jit and torch.compile use what torch itself has deprecated, and tracing warns of checks.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
EPS = 1e-3
SHAPES = [(6, 3), (4, 3, 5), (4, 3, 2, 5), (2, 3, 2, 2, 2)]
LOOPS = {"forward": 1, "backward": 1}
Form = Counter[str]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20261128)


@pytest.fixture
def loops_ran(monkeypatch: pytest.MonkeyPatch) -> Form:
    """How often each pass ran by loops."""
    ran: Form = Counter()
    passes = function._cpu_passes()

    class Spy:
        def __getattr__(self, name: str) -> Any:
            if name in ("forward", "backward", "forward_with_statistics"):
                ran[name] += 1
            return getattr(passes, name)

    monkeypatch.setattr(function, "_cpu_passes", Spy)
    return ran


def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """x, γ and β, which ask for gradients."""
    of = shape, shape[1:2], shape[1:2]
    x, gamma, beta = (torch.randn(one, dtype=dtype).requires_grad_() for one in of)
    return x, gamma, beta


def by_hand(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return batch_norm(x, gamma, beta, EPS)[0]


def natively(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)


def close(actual: Any, expected: Any, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_plain_tensors_run_loops(shape: tuple[int, ...], dtype: torch.dtype, loops_ran: Form) -> None:
    x, gamma, beta = inputs(shape, dtype)
    x, dy = nn.Parameter(x.detach()), torch.randn(shape, dtype=dtype)
    y = by_hand(x, gamma, beta)
    gradients = torch.autograd.grad(y, (x, gamma, beta), dy)
    assert loops_ran == LOOPS
    exact = [t.detach().double().requires_grad_() for t in (x, gamma, beta)]
    expected = natively(*exact)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 2e-2}[dtype]
    for actual, value in zip(
        (y, *gradients), (expected, *torch.autograd.grad(expected, exact, dy.double())), strict=True
    ):
        assert actual.dtype == dtype
        close(
            actual.detach().double(), value.detach(), tolerance * max(1.0, float(value.detach().abs().max()))
        )


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("asked", ["x", "gamma", "beta"])
def test_sums_and_views_of_y(dim: int, asked: str, loops_ran: Form) -> None:
    """Upstream gradients that are expanded, so that many elements share memory."""
    arguments = inputs((4, 3, 2, 5))
    wanted = dict(zip(("x", "gamma", "beta"), arguments, strict=True))[asked]
    weights = torch.randn(4, 3, 2, 5, dtype=torch.float64).sum(dim)
    actual = torch.autograd.grad((by_hand(*arguments).sum(dim) * weights).sum(), wanted)
    assert loops_ran == LOOPS
    close(actual, torch.autograd.grad((natively(*arguments).sum(dim) * weights).sum(), wanted))


# What asks for formulas in both passes: each takes f(x, γ, β), and returns what must not depend on the form.
def _by_grad(f: Any, *of: Tensor) -> Any:
    return torch.func.grad(lambda *of: f(*of).square().sin().sum(), (0, 1, 2))(*of)


def _by_vmap(f: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Any:
    return vmap(lambda x: f(x, gamma, beta))(torch.stack((x, 2 * x.sin())))


def _by_jvp(f: Any, *of: Tensor) -> Any:
    return torch.func.jvp(f, of, tuple(t.cos() for t in of))


def _forward_mode(f: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Any:
    with forward_ad.dual_level():
        return tuple(forward_ad.unpack_dual(f(x, forward_ad.make_dual(gamma, gamma.cos()), beta)))


def _traced(f: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Any:
    return torch.jit.trace(f, (2 * x + 1, gamma, beta), check_trace=False)(x, gamma, beta)


def _by_make_fx(f: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Any:
    return make_fx(f)(2 * x + 1, gamma, beta)(x, gamma, beta)


def _compiled(f: Any, *of: Tensor) -> Any:
    torch.compiler.reset()
    y = torch.compile(f, backend="aot_eager", fullgraph=True)(*(t.requires_grad_() for t in of))
    return y, torch.autograd.grad(y, of, y.detach().cos())


FORMULAS: dict[str, Callable[..., Any]] = {
    "torch.func.grad": _by_grad, "torch.func.vmap": _by_vmap, "torch.func.jvp": _by_jvp,
    "forward mode": _forward_mode, "jit.trace": _traced, "make_fx": _by_make_fx,
    "torch.compile": _compiled,
}  # fmt: skip


@pytest.mark.parametrize("way", FORMULAS)
@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_transforms_run_formulas(way: str, shape: tuple[int, ...], loops_ran: Form) -> None:
    arguments = [t.detach() for t in inputs(shape)]
    actual = FORMULAS[way](by_hand, *arguments)
    assert not loops_ran
    close(actual, FORMULAS[way](natively, *arguments))


def test_a_traced_module_in_evaluation_is_no_constant(loops_ran: Form) -> None:
    module = BatchNormManual(3, track_running_stats=True)
    module(torch.randn(5, 3, 2, 2))
    loops_ran.clear()
    x = torch.randn(5, 3, 2, 2)
    with torch.no_grad():
        traced = torch.jit.trace(module.eval(), x, check_trace=False)
        assert not loops_ran
        close(traced(2 * x), module(2 * x), 1e-5)


def test_gradients_that_are_differentiated_run_formulas(loops_ran: Form) -> None:
    arguments = inputs((4, 3, 2, 5))
    dy = torch.randn(4, 3, 2, 5, dtype=torch.float64, requires_grad=True)

    def second(f: Any) -> Any:
        first = torch.autograd.grad(f(*arguments), arguments, dy, create_graph=True)
        return first, torch.autograd.grad(sum((g * g.cos()).sum() for g in first), (*arguments[:2], dy))

    actual = second(by_hand)
    assert loops_ran == {"forward": 1}
    close(actual, second(natively))


def test_gradients_that_are_batched_run_formulas(loops_ran: Form) -> None:
    arguments, dys = inputs((4, 3, 2, 5)), torch.randn(3, 4, 3, 2, 5, dtype=torch.float64)
    actual = torch.autograd.grad(by_hand(*arguments), arguments, dys, is_grads_batched=True)
    assert loops_ran == {"forward": 1}
    y = natively(*arguments)
    one_by_one = [torch.autograd.grad(y, arguments, dy, retain_graph=True) for dy in dys]
    close(actual, tuple(map(torch.stack, zip(*one_by_one, strict=True))))


class Subclass(torch.Tensor):
    """A tensor that wants to see each operation."""

    seen: ClassVar[Counter[str]] = Counter()

    @classmethod
    def __torch_function__(cls, of: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.seen[getattr(of, "__name__", "")] += 1
        return super().__torch_function__(of, kinds, args, kwargs or {})


def test_subclasses_run_formulas(loops_ran: Form) -> None:
    x, gamma, beta = inputs((4, 3, 2, 5))
    Subclass.seen.clear()
    y = by_hand(x.detach().as_subclass(Subclass), gamma, beta)
    assert not loops_ran
    assert Subclass.seen
    close(y.as_subclass(Tensor), natively(x, gamma, beta))


def test_other_devices_run_formulas(loops_ran: Form) -> None:
    x, gamma, beta = (t.detach().to("meta").requires_grad_() for t in inputs((4, 3, 2, 5)))
    y = by_hand(x, gamma, beta)
    gradients = torch.autograd.grad(y, (x, gamma, beta), torch.empty_like(y))
    assert not loops_ran
    for tensor, like in zip((y, *gradients), (x, x, gamma, beta), strict=True):
        assert (tensor.device.type, tensor.shape) == ("meta", like.shape)


def test_float16_runs_formulas(loops_ran: Form) -> None:
    arguments = [t.detach().half().requires_grad_() for t in inputs((40, 3))]
    y, dy = by_hand(*arguments), torch.randn(40, 3).half()
    gradients = torch.autograd.grad(y, arguments, dy)
    assert not loops_ran
    exact = [t.detach().double().requires_grad_() for t in arguments]
    expected = natively(*exact)
    close(y.double(), expected, 5e-3)
    for actual, value in zip(gradients, torch.autograd.grad(expected, exact, dy.double()), strict=True):
        assert actual.dtype == torch.float16
        close(actual.double(), value, 5e-3 * max(1.0, float(value.detach().abs().max())))


def test_without_numba_formulas_run(loops_ran: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "_numba_is_installed", lambda: False)
    arguments, dy = inputs((4, 3, 2, 5)), torch.randn(4, 3, 2, 5, dtype=torch.float64)
    y, expected = by_hand(*arguments), natively(*arguments)
    close(y, expected)
    close(torch.autograd.grad(y, arguments, dy), torch.autograd.grad(expected, arguments, dy))
    assert not loops_ran


def test_a_sign_that_is_still_to_be_changed(loops_ran: Form) -> None:
    for dtype in torch.float64, torch.bfloat16:
        x, gamma, beta = inputs((6, 3), dtype)
        expected = natively(-x.double(), gamma.double(), beta.double())
        y = by_hand(torch._neg_view(x.detach()), gamma, beta)
        close(y.double(), expected, 1e-12 if dtype == torch.float64 else 3e-2)
    assert loops_ran["forward"] == 2


# How x lies in memory, and how y and dx are to lie.
LAST = torch.channels_last
ORDERS: dict[str, tuple[Callable[[], Tensor], str]] = {
    "rows": (lambda: torch.randn(6, 3), "as it is"),
    "rows, transposed": (lambda: torch.randn(3, 6).t(), "contiguous"),
    "rows, every second": (lambda: torch.randn(12, 3)[::2], "contiguous"),
    "rows, expanded": (lambda: torch.randn(6, 1).expand(6, 3), "contiguous"),
    "signals": (lambda: torch.randn(4, 3, 5), "as it is"),
    "signals, channels last": (lambda: torch.randn(4, 5, 3).mT, "as it is"),
    "planes": (lambda: torch.randn(4, 3, 2, 5), "as it is"),
    "channels last": (lambda: torch.randn(4, 3, 2, 5).contiguous(memory_format=LAST), "as it is"),
    "transposed": (lambda: torch.randn(4, 3, 5, 2).mT, "contiguous"),
    "expanded": (lambda: torch.randn(4, 3, 1, 1).expand(4, 3, 2, 5), "contiguous"),
    "samples expanded": (lambda: torch.randn(1, 3, 2, 5).expand(4, 3, 2, 5), "contiguous"),
    "one pixel": (lambda: torch.randn(4, 3, 1, 1), "as it is"),
    "one pixel, channels last": (lambda: torch.randn(4, 3, 1, 1).to(memory_format=LAST), "as it is"),
    "one pixel of many": (lambda: torch.randn(4, 3, 2, 5)[:, :, :1, :1], "contiguous"),
    "one channel": (lambda: torch.randn(4, 1, 2, 5), "as it is"),
    "one channel, channels last": (lambda: torch.randn(4, 1, 2, 5).to(memory_format=LAST), "as it is"),
    "one sample": (lambda: torch.randn(1, 3, 2, 5), "as it is"),
    "volumes": (lambda: torch.randn(2, 3, 2, 2, 2), "as it is"),
    "volumes, channels last": (
        lambda: torch.randn(2, 3, 2, 2, 2).to(memory_format=torch.channels_last_3d), "as it is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dy_as_x", [True, False], ids=["dy like x", "dy contiguous"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_y_and_dx_lie_in_memory_as_x_does(
    order: str, dy_as_x: bool, dtype: torch.dtype, loops_ran: Form
) -> None:
    make, expected_order = ORDERS[order]
    x = make().to(dtype).requires_grad_()
    gamma, beta = torch.randn(2, x.shape[1], dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    dy = torch.empty_like(x).copy_(torch.randn(x.shape)) if dy_as_x else torch.randn(x.shape).to(dtype)
    y = by_hand(x, gamma, beta)
    [dx] = torch.autograd.grad(y, x, dy)
    assert loops_ran == LOOPS
    strides = x.stride() if expected_order == "as it is" else x.contiguous().stride()
    assert y.stride() == strides
    assert dx.stride() == strides
    exact = x.detach().double().contiguous().requires_grad_()
    z = natively(exact, gamma.double(), beta.double())
    for actual, value in (y, z), (dx, torch.autograd.grad(z, exact, dy.double())[0]):
        tolerance = (1e-12 if dtype == torch.float64 else 1e-2) * max(1.0, float(value.detach().abs().max()))
        close(actual.detach().double(), value.detach(), tolerance)


@pytest.mark.parametrize("slope", [None, 0.0, 0.02])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("order", ["rows", "signals", "planes", "channels last", "transposed", "one pixel"])
def test_given_statistics(order: str, dtype: torch.dtype, slope: float | None, loops_ran: Form) -> None:
    """Without gradients loops run, with them formulas; torch computes the same."""
    x = (2 * ORDERS[order][0]() + 3).to(dtype)
    of_parameters = torch.float32 if dtype == torch.bfloat16 else dtype
    gamma, beta, mean = torch.randn(3, x.shape[1], dtype=of_parameters)
    var = torch.rand(x.shape[1], dtype=of_parameters) + 0.1
    y = batch_norm_with_statistics(x, gamma, beta, EPS, mean, var, slope)
    assert loops_ran == {"forward_with_statistics": 1}
    with_gradients = batch_norm_with_statistics(x, gamma.requires_grad_(), beta, EPS, mean, var, slope)
    assert loops_ran.total() == 1
    with torch.no_grad():
        again = batch_norm_with_statistics(x, gamma, beta, EPS, mean, var, slope)
    assert loops_ran.total() == 2
    torch.testing.assert_close(again, y, rtol=0, atol=0)
    of_torch = F.batch_norm(x.double(), mean.double(), var.double(), gamma.double(), beta.double(), eps=EPS)
    expected = of_torch if slope is None else F.leaky_relu(of_torch, slope)
    tolerance = {torch.float32: 5e-6, torch.float64: 1e-12, torch.bfloat16: 1e-2}[dtype]
    for actual in y, with_gradients:
        assert actual.dtype == dtype
        close(
            actual.detach().double(),
            expected.detach(),
            tolerance * max(1.0, float(expected.detach().abs().max())),
        )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_modules_in_evaluation(shape: tuple[int, ...], loops_ran: Form) -> None:
    module = BatchNormManual(3, track_running_stats=True, eps=EPS).double()
    kinds: dict[int, Any] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    for _ in range(2):
        module(torch.randn(shape, dtype=torch.float64))
    native = kinds[len(shape)](3, eps=EPS).double()
    native.load_state_dict(copy.deepcopy(module.state_dict()))
    loops_ran.clear()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    expected = native.eval()(x)
    dy, arguments = torch.randn_like(x), (x, native.weight, native.bias)
    y = module.eval()(x)
    close(y, expected)
    assert not loops_ran
    close(
        torch.autograd.grad(y, (x, module.weight, module.bias), dy),
        torch.autograd.grad(expected, arguments, dy),
    )
    for mode in torch.no_grad, torch.inference_mode:
        with mode():
            close(module(x.detach()), expected.detach())
    assert loops_ran == {"forward_with_statistics": 2}
