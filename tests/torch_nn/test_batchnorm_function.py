"""BatchNormFunction under every transformation: second derivatives, forward mode, vmap, torch.compile."""

import itertools
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.functional import hessian, jacobian
from torch.autograd.graph import saved_tensors_hooks

from backproof.torch_nn.batchnorm import (
    BatchNormAutograd,
    BatchNormFunction,
    BatchNormManual,
    batch_norm,
    formulas,
    function,
)

# Forward mode compiles its own decompositions with a function that torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
EPS = 1e-3
SHAPES = [(2, 1), (4, 3), (2, 3, 2, 2), (3, 2, 1, 1), (1, 2, 2, 3), (3, 2, 2)]


def by_hand(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """As the module calls it: the Function is chosen by what is asked of it."""
    return batch_norm(x, gamma, beta, EPS)[0]


def as_function(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    y: Tensor = BatchNormFunction.apply(x, gamma, beta, EPS, None)[0]
    return y


def plainly(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return formulas.forward(x, gamma, beta, EPS, None)[0]


def natively(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)


IMPLEMENTATIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "hand": by_hand, "function": as_function, "autograd": plainly, "native": natively
}  # fmt: skip


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20261122)


def inputs(shape: tuple[int, ...], *lead: int) -> tuple[Tensor, Tensor, Tensor]:
    """x, γ and β."""
    x, gamma, beta = (torch.randn(*lead, *of, dtype=torch.float64) for of in (shape, shape[1:2], shape[1:2]))
    return x, gamma, beta


def close(actual: Any, expected: Any) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_derivatives_are_those_of_differences(name: str, shape: tuple[int, ...]) -> None:
    arguments = [t.requires_grad_() for t in inputs(shape)]
    assert gradcheck(
        IMPLEMENTATIONS[name], arguments, check_forward_ad=name != "native", check_batched_grad=True
    )
    if name != "native":  # grad_outputs are drawn at random
        assert gradgradcheck(
            IMPLEMENTATIONS[name], arguments, check_fwd_over_rev=True, check_batched_grad=True
        )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("wanted", list(itertools.product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("call", [by_hand, as_function])
def test_only_what_is_needed_is_computed(
    call: Callable[[Tensor, Tensor, Tensor], Tensor],
    shape: tuple[int, ...],
    wanted: tuple[bool, ...],
    create_graph: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = [t.requires_grad_(need) for t, need in zip(inputs(shape), wanted, strict=True)]
    returned: list[Any] = []

    def spied(backward: Callable[..., Any]) -> Any:
        def spy(ctx: Any, *grad_outputs: Any) -> Any:
            gradients = backward(ctx, *grad_outputs)
            returned[:] = gradients[:3]
            return gradients

        return staticmethod(spy)

    for kind in function.LoopBatchNorm, function.BatchNormFunction:
        monkeypatch.setattr(kind, "backward", spied(kind.backward))
    y = call(*arguments)
    assert y.requires_grad == any(wanted)
    if not any(wanted):
        return
    needed = [t for t, need in zip(arguments, wanted, strict=True) if need]
    dy = torch.randn_like(y)
    gradients = torch.autograd.grad(y, needed, dy, create_graph=create_graph)
    assert [value is not None for value in returned] == list(wanted)
    close([g.detach() for g in gradients], list(torch.autograd.grad(natively(*arguments), needed, dy)))


@pytest.mark.parametrize("dtypes", [(torch.float32,) * 2, (torch.bfloat16, torch.float32)], ids=str)
@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5, 6)], ids=str)
@pytest.mark.parametrize("call", [by_hand, as_function])
def test_no_more_is_saved_than_torch_saves(
    call: Callable[[Tensor, Tensor, Tensor], Tensor],
    shape: tuple[int, ...],
    dtypes: tuple[torch.dtype, torch.dtype],
) -> None:
    x = torch.randn(shape).to(dtypes[0]).requires_grad_()
    gamma, beta = torch.randn(2, shape[1], dtype=dtypes[1])

    def saved(f: Callable[[Tensor, Tensor, Tensor], Tensor]) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        with saved_tensors_hooks(pack, lambda tensor: tensor):
            f(x, gamma.clone().requires_grad_(), beta.clone().requires_grad_())
        return sum(sizes)

    assert 0 < saved(call) <= saved(natively)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward_mode(shape: tuple[int, ...]) -> None:
    primals, tangents = inputs(shape), inputs(shape)
    expected = torch.func.jvp(plainly, primals, tangents)
    close(torch.func.jvp(by_hand, primals, tangents), expected)
    for index in range(3):  # one tangent, two constants

        def along(t: Tensor, index: int = index) -> Tensor:
            return by_hand(*(t if i == index else p for i, p in enumerate(primals)))

        _, actual = torch.func.jvp(along, (primals[index],), (tangents[index],))
        zeros = tuple(t if i == index else torch.zeros_like(t) for i, t in enumerate(tangents))
        close(actual, torch.func.jvp(plainly, primals, zeros)[1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("in_dims", list(itertools.product([-1, 0, None], [-1, None], [0, None]))[:-1])
def test_vmap(shape: tuple[int, ...], in_dims: tuple[int | None, ...]) -> None:
    v = 3
    alone, mapped = inputs(shape), inputs(shape, v)
    arguments = [
        one if dim is None else many.movedim(0, dim)
        for one, many, dim in zip(alone, mapped, in_dims, strict=True)
    ]
    dy = torch.randn(shape, dtype=torch.float64)

    def gradients(*of: Tensor) -> tuple[Tensor, ...]:
        return torch.func.grad(lambda *of: (dy * by_hand(*of)).sum(), argnums=(0, 1, 2))(*of)

    def one_by_one(f: Callable[..., Any], number: int) -> Any:
        return f(
            *(
                one if dim is None else many[number]
                for one, many, dim in zip(alone, mapped, in_dims, strict=True)
            )
        )

    y = torch.func.vmap(by_hand, in_dims)(*arguments)
    close(y, torch.stack([one_by_one(natively, number) for number in range(v)]))
    actual = torch.func.vmap(gradients, in_dims)(*arguments)
    with torch.no_grad():  # where torch.func asks for no second derivative
        close(torch.func.vmap(gradients, in_dims)(*arguments), actual)
    for number in range(v):
        given = [t.clone().requires_grad_() for t in one_by_one(lambda *of: of, number)]
        close(tuple(g[number] for g in actual), torch.autograd.grad(natively(*given), given, dy))


def test_vmap_inside_vmap_and_over_channels_last() -> None:
    x, gamma, beta = torch.randn(2, 3, 4, 5, 2, 2), torch.randn(3, 5), torch.randn(5)
    f = torch.func.vmap(torch.func.vmap(by_hand, (0, 0, None)), (0, None, None))
    expected = torch.stack(
        [torch.stack([natively(x[i, j], gamma[j], beta) for j in range(3)]) for i in range(2)]
    )
    torch.testing.assert_close(f(x, gamma, beta), expected)
    last = x[0].flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, (3, 4))
    torch.testing.assert_close(torch.func.vmap(by_hand, (0, 0, None))(last, gamma, beta), expected[0])


def test_jacobians_and_hessian() -> None:
    arguments = inputs((3, 2))
    everything = (0, 1, 2)
    expected = torch.func.jacrev(plainly, everything)(*arguments)
    close(torch.func.jacrev(by_hand, everything)(*arguments), expected)
    close(torch.func.jacfwd(by_hand, everything)(*arguments), expected)
    dy = torch.randn(3, 2, dtype=torch.float64)

    def loss(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *of: (dy * f(*of)).square().sum()

    of_hand, expected = loss(by_hand), torch.func.hessian(loss(plainly), everything)(*arguments)
    close(torch.func.hessian(of_hand, everything)(*arguments), expected)
    for outer in torch.func.jacrev, torch.func.jacfwd:
        close(outer(torch.func.jacrev(of_hand, everything), everything)(*arguments), expected)
    close(torch.func.jacrev(torch.func.jacfwd(of_hand, everything), everything)(*arguments), expected)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2, 2)], ids=str)
@pytest.mark.parametrize("call", [by_hand, as_function])
def test_batched_gradients_of_autograd(
    call: Callable[[Tensor, Tensor, Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    arguments = tuple(t.requires_grad_() for t in inputs(shape))
    dys = torch.randn(5, *shape, dtype=torch.float64)
    y = natively(*arguments)
    one_by_one = [torch.autograd.grad(y, arguments, dy, retain_graph=True) for dy in dys]
    expected = tuple(torch.stack(each) for each in zip(*one_by_one, strict=True))
    close(torch.autograd.grad(call(*arguments), arguments, dys, is_grads_batched=True), expected)

    def loss(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *of: (dys[0] * f(*of)).square().sum()

    for strategy in "reverse-mode", "forward-mode":
        close(jacobian(call, arguments, vectorize=True, strategy=strategy), jacobian(natively, arguments))
        close(
            hessian(loss(call), arguments, vectorize=True, outer_jacobian_strategy=strategy),
            hessian(loss(natively), arguments),
        )


@pytest.mark.xfail(
    reason="torch loses the outer tangent of any Function: pytorch/pytorch#197867", strict=True
)
def test_forward_mode_inside_forward_mode() -> None:
    x, gamma, beta = inputs((3, 2))

    def twice(f: Callable[..., Tensor]) -> Tensor:
        jacobian: Tensor = torch.func.jacfwd(torch.func.jacfwd(lambda x: f(x, gamma, beta)))(x)
        return jacobian

    close(twice(by_hand), twice(plainly))


def test_a_loss_that_ignores_y_has_no_gradient() -> None:
    arguments = [t.requires_grad_() for t in inputs((4, 3))]
    y, *constants = BatchNormFunction.apply(*arguments, EPS, None)
    assert y.requires_grad
    assert not any(c.requires_grad for c in constants)
    mean, var = batch_norm(*arguments)[1:]
    close(mean, arguments[0].detach().mean(0))
    close(var, arguments[0].detach().var(0, correction=0))


@pytest.mark.slow
@pytest.mark.skipif(
    not any(shutil.which(name) for name in ("g++", "c++", "clang++")),
    reason="torch.compile makes C++, and no compiler is installed",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", [BatchNormAutograd, BatchNormManual])
@pytest.mark.parametrize("shape", [(33, 5), (4, 3, 5, 6)], ids=str)
def test_compiled(kind: Any, shape: tuple[int, ...]) -> None:
    torch.compiler.reset()
    x, dy = torch.randn(shape, requires_grad=True), torch.randn(shape)
    eager, traced = kind(shape[1], track_running_stats=True), kind(shape[1], track_running_stats=True)
    with torch.no_grad():
        for module in (eager, traced):
            module.weight.copy_(torch.linspace(-1, 2, shape[1]))
    compiled = torch.compile(traced, fullgraph=True)
    y, expected = compiled(x), eager(x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(
        torch.autograd.grad(y, (x, traced.weight, traced.bias), dy),
        torch.autograd.grad(expected, (x, eager.weight, eager.bias), dy),
    )
    torch.testing.assert_close(dict(traced.named_buffers()), dict(eager.named_buffers()))
