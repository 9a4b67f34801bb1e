"""Batch norm in NumPy, by loops, compiled and not, by formulas and modules, in all layouts; and PyTorch's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backproof.numpy_nn.batchnorm import BatchNorm as NumPyBatchNorm
from backproof.numpy_nn.batchnorm import moments
from backproof.numpy_nn.channels import channels_first, channels_last
from backproof.proof.equations import batchnorm as symbols
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import EPSILON
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Tensors, Torch
from backproof.torch_nn.batchnorm import cpu_passes, formulas
from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNorm, BatchNormAutograd, BatchNormManual
from backproof.torch_nn.batchnorm.function import PlainBatchNorm, batch_norm_with_statistics
from backproof.torch_nn.loop_compiler.compiled import uncompiled

# torch leaves these without types.
_jacobian: Callable[..., Tensor] = torch.autograd.functional.jacobian
_jvp: Callable[..., tuple[Tensor, Tensor]] = torch.autograd.functional.jvp
_by_formulas: Callable[..., tuple[Tensor, Tensor, Tensor]] = PlainBatchNorm.apply

_FORWARD, _BACKWARD = ("y", "mu", "var"), ("dx", "dgamma", "dbeta")
_SLOPE = 0.5
_FAR = 2.0**32
_FAR_DIGIT = 2.0**-20
"""The last binary digit of numbers so large: a mean that is rounded there shows beside σ."""
Pass = Callable[[Tensor, Tensor, Tensor, Tensor, float], dict[str, Tensor]]
"""Takes x, ∂L/∂y, γ, β and ε."""


def all_implementations(name: str, letters: Any) -> Code:
    """Return what computes y, a statistic or a gradient: all implementations, in every layout.

    ``letters`` is a module of equations, which names the arrays.
    """
    passes = _FORWARD_PASSES if name in _FORWARD else _BACKWARD_PASSES

    def code(v: Sample) -> Iterator[Array]:
        yield from _by_numpy(name, v, letters)
        parameters = _parameters(v, letters)
        x, dy = torch.tensor(v[letters.x]), torch.tensor(v[grad(letters.y)])
        shape = x.shape if name in ("y", "dx") else (-1,)
        for x_laid, dy_laid in _layouts(x, dy):
            for run in passes:
                for value in _near_and_far(name, run, x_laid, dy_laid, *parameters):
                    yield value.reshape(shape).numpy()
            for run in _ACTIVATED_PASSES.get(name, ()):
                yield run(x_laid, dy_laid, *parameters)[name].reshape(shape).numpy()
        if name in ("mu", "var"):
            return
        for module in (BatchNormAutograd, BatchNormManual):
            for create_graph in (False, True):
                yield _by_module(name, module, x, dy, *parameters, create_graph=create_graph)
        if name == "y":
            statistics = torch.tensor(v[letters.mu]), torch.tensor(v[letters.var])
            yield formulas.forward_with_statistics(x, *parameters, *statistics).numpy()
            with uncompiled_loops():
                yield batch_norm_with_statistics(x, *parameters, *statistics).numpy()

    return code


def _by_numpy(name: str, v: Sample, letters: Any) -> Iterator[Array]:
    """Run the NumPy layer: with channels first in memory and last, and y by given statistics too."""
    x, dy = v[letters.x], v[grad(letters.y)]
    images = x.ndim == 4
    if name in ("mu", "var"):
        mean, _, var = moments(channels_last(x) if images else x)
        yield mean if name == "mu" else var
        return
    for samples in (x, channels_first(channels_last(x))) if images else (x,):
        layer = numpy_layer(v, letters)
        value = layer.forward(samples)
        if name == "y":
            yield value
            yield _evaluating(v, letters).forward(samples)
        else:
            dx = layer.backward(dy)
            yield {"dx": dx, "dgamma": layer.grads["weight"], "dbeta": layer.grads["bias"]}[name]


def numpy_layer(v: Sample, letters: Any) -> NumPyBatchNorm:
    """Make the NumPy layer with a sample's parameters."""
    layer = NumPyBatchNorm(len(v[letters.gamma]), eps=float(v[EPSILON]))
    layer.params["weight"][...], layer.params["bias"][...] = v[letters.gamma], v[letters.beta]
    return layer


def _evaluating(v: Sample, letters: Any) -> NumPyBatchNorm:
    """Make one that evaluates, with the batch's statistics."""
    layer = numpy_layer(v, letters)
    layer.buffers["running_mean"][...], layer.buffers["running_var"][...] = v[letters.mu], v[letters.var]
    layer.eval()
    return layer


def _parameters(v: Sample, letters: Any) -> tuple[Tensor, Tensor, float]:
    return torch.tensor(v[letters.gamma]), torch.tensor(v[letters.beta]), float(v[EPSILON])


def _layouts(x: Tensor, dy: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Lay images out as planes, as rows, and as rows with one axis for all pixels; (B, C) has one layout."""
    yield x, dy
    if x.ndim > 2:
        yield x.contiguous(memory_format=torch.channels_last), dy
        yield x.flatten(2).mT.contiguous().mT, dy.flatten(2)


def _near_and_far(
    name: str, run: Pass, x: Tensor, dy: Tensor, gamma: Tensor, beta: Tensor, eps: float
) -> Iterator[Tensor]:
    """Run at x, and add what changes when its mean is shifted far from zero, beside σ: nothing, but for μ.

    One channel is not shifted. x is rounded first, so that it can be shifted without rounding; once so that
    its mean can be, too. Neither the mean alone nor σ alone tells that the mean is far: both are small once.
    """

    def value(inputs: Tensor, eps: float) -> Tensor:
        with torch.no_grad():
            return run(inputs, dy, gamma, beta, eps)[name]

    unshifted, shift = value(x, eps), torch.full_like(gamma, _FAR)
    yield unshifted
    shift[0] = 0
    n = x.numel() // x.shape[1]
    for digit, scale in ((_FAR_DIGIT, 1.0), (_FAR_DIGIT, 1 / _FAR), (_FAR_DIGIT * n, 1.0)):
        exact = (x / digit).round() * digit
        shifted = exact + shift.view(-1, *(1,) * (x.ndim - 2))
        near, far = (value(inputs * scale, eps * scale**2) for inputs in (exact, shifted))
        if name == "mu":
            far = far - shift * scale if digit > _FAR_DIGIT else near
        yield unshifted + (far - near) * {"mu": 1 / scale, "var": 1 / scale**2, "dx": scale}.get(name, 1.0)


@contextmanager
def uncompiled_loops() -> Iterator[None]:
    """Let Python run the loops, on memory that holds NaN first: what they leave out is seen."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # which fills new memory
    try:
        with uncompiled():
            yield
    finally:
        torch.use_deterministic_algorithms(was_deterministic)


def _loops_forward(x: Tensor, _: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> dict[str, Tensor]:
    y, known = cpu_passes.forward(x, gamma, beta, eps, None, None)
    mean, var = torch.from_numpy(known.origin + known.rest), torch.from_numpy(known.var)
    return dict(zip(_FORWARD, (y, mean, var), strict=True))


def _loops_backward(x: Tensor, dy: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> dict[str, Any]:
    _, known = cpu_passes.forward(x, gamma, beta, eps, None, None)
    gradients = cpu_passes.backward(x, known, None, (True, True, True), dy, gamma.dtype)
    return dict(zip(_BACKWARD, gradients, strict=True))


def _activated_forward(x: Tensor, _: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> dict[str, Tensor]:
    """Undo the LeakyReLU that the loops put behind batch norm."""
    y, _known = cpu_passes.forward(x, gamma, beta, eps, None, _SLOPE)
    return {"y": torch.where(y > 0, y, y / _SLOPE)}


def _activated_backward(x: Tensor, dy: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> dict[str, Any]:
    """Take the ∂L/∂y behind LeakyReLU that is ``dy`` before it."""
    y, known = cpu_passes.forward(x, gamma, beta, eps, None, _SLOPE)
    gradients = cpu_passes.backward(
        x, known, None, (True, True, True), torch.where(y > 0, dy, dy / _SLOPE), gamma.dtype
    )
    return dict(zip(_BACKWARD, gradients, strict=True))


def _uncompiled(run: Pass) -> Pass:
    def run_uncompiled(*arguments: Any) -> dict[str, Any]:
        with uncompiled_loops():
            return run(*arguments)

    return run_uncompiled


def _formulas_forward(x: Tensor, _: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> dict[str, Tensor]:
    return dict(zip(_FORWARD, _by_formulas(x, gamma, beta, eps, None), strict=True))


def _formulas_backward(x: Tensor, dy: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> dict[str, Tensor]:
    inputs = [tensor.detach().requires_grad_() for tensor in (x, gamma, beta)]
    with torch.enable_grad():
        y = _by_formulas(*inputs, eps, None)[0]
    return dict(zip(_BACKWARD, torch.autograd.grad(y, inputs, dy), strict=True))


# Uncompiled first, as what is broken shows there soonest.
_FORWARD_PASSES = (_uncompiled(_loops_forward), _loops_forward, _formulas_forward)
_BACKWARD_PASSES = (_uncompiled(_loops_backward), _loops_backward, _formulas_backward)
_ACTIVATED_PASSES = {
    **dict.fromkeys(("y",), (_uncompiled(_activated_forward), _activated_forward)),
    **dict.fromkeys(_BACKWARD, (_uncompiled(_activated_backward), _activated_backward)),
}


def _by_module(
    name: str,
    module: type[BatchNorm],
    x: Tensor,
    dy: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    *,
    create_graph: bool,
) -> Array:
    """Return y, or the gradient of one input, which is the only one that is asked for."""
    norm = module(len(gamma), eps).double().requires_grad_(False)
    norm.weight.copy_(gamma)
    norm.bias.copy_(beta)
    if name == "y":
        y: Array = norm(x).numpy()
        return y
    inputs = {"dx": x.clone(), "dgamma": norm.weight, "dbeta": norm.bias}
    by = inputs[name].requires_grad_()
    [gradient] = torch.autograd.grad(norm(inputs["dx"]), by, dy, create_graph=create_graph)
    value: Array = gradient.detach().numpy()
    return value


def xhat(letters: Any) -> Code:
    """Return what computes x̂: it is the y of γ = 1 and β = 0."""

    def code(v: Sample) -> Iterator[Array]:
        x, eps = torch.tensor(v[letters.x]), float(v[EPSILON])
        gamma, beta = torch.ones(x.shape[1], dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
        for run in _FORWARD_PASSES:
            yield run(x, x, gamma, beta, eps)["y"].numpy()
        yield NumPyBatchNorm(len(gamma), eps=eps).forward(v[letters.x])

    return code


def _frozen_gradients(v: Sample, x: Tensor, eps: float, mean: Tensor, var: Tensor) -> tuple[Array, ...]:
    """Return ∂L/∂x, ∂L/∂μ and ∂L/∂σ² where these three are independent of each other."""
    inputs = [tensor.detach().requires_grad_() for tensor in (x, mean, var)]
    gamma, beta, _ = _parameters(v, symbols)
    y = formulas.forward_with_statistics(inputs[0], gamma, beta, eps, *inputs[1:])
    gradients = torch.autograd.grad(y, inputs, torch.tensor(v[grad(symbols.y)]))
    return tuple(gradient.numpy() for gradient in gradients)


def _dxhat(v: Sample) -> Iterator[Array]:
    """Normalise x̂ itself, by the mean 0 and the variance 1; and x by given statistics, undone."""
    x = torch.tensor(v[symbols.xhat])
    zeros = torch.zeros(x.shape[1], dtype=x.dtype)
    yield _frozen_gradients(v, x, 0.0, zeros, zeros + 1)[0]
    layer = _evaluating(v, symbols)
    layer.forward(v[symbols.x])
    yield layer.backward(v[grad(symbols.y)]) * np.sqrt(v[symbols.var] + v[EPSILON])


def _with_statistics(v: Sample) -> tuple[Array, ...]:
    x, mean, var = (torch.tensor(v[symbol]) for symbol in (symbols.x, symbols.mu, symbols.var))
    return _frozen_gradients(v, x, float(v[EPSILON]), mean, var)


def _dmu(v: Sample) -> Array:
    """Add what μ does to σ², whose own gradient is known, to what it does to x̂."""
    _, dmu, dvar = _with_statistics(v)
    through_var: Array = dvar * -2 * (v[symbols.x] - v[symbols.mu]).mean(axis=0)
    total: Array = dmu + through_var
    return total


def _statistics_jacobian(name: str) -> Code:
    def code(v: Sample) -> Array:
        def statistic(x: Tensor) -> Tensor:
            value: Tensor = getattr(formulas.statistics(x, None), name)
            return value.flatten()

        jacobian: Array = _jacobian(statistic, torch.tensor(v[symbols.x])).numpy()
        return jacobian

    return code


def _xhat_jacobian(v: Sample) -> Array:
    """Go back from every unit vector, with γ = 1."""
    x, eps = torch.tensor(v[symbols.x]), float(v[EPSILON])
    gamma, beta = torch.ones(x.shape[1], dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
    units = torch.eye(x.numel(), dtype=x.dtype)
    rows = [_loops_backward(x, unit.view_as(x), gamma, beta, eps)["dx"].numpy() for unit in units]
    return np.reshape(rows, (*x.shape, *x.shape))


def _ydot(v: Sample) -> Iterator[Array]:
    """Take all tangents at once, and one by one: their sum is the same."""
    x, (gamma, _, eps) = torch.tensor(v[symbols.x]), _parameters(v, symbols)
    x_dot, gamma_dot, beta_dot = (
        torch.tensor(v[symbol]) for symbol in (symbols.x_dot, symbols.gamma_dot, symbols.beta_dot)
    )
    yield formulas.jvp(x, gamma, eps, None, (x_dot, gamma_dot, beta_dot)).numpy()
    alone = ((x_dot, None, None), (None, gamma_dot, None), (None, None, beta_dot))
    parts = [formulas.jvp(x, gamma, eps, None, tangents).numpy() for tangents in alone]
    yield np.sum(parts, axis=0)  # which refuses parts of unlike shapes


CODE: dict[str, Code] = {
    **{f"bn.{name}": all_implementations(name, symbols) for name in (*_FORWARD, *_BACKWARD)},
    "bn.xhat": xhat(symbols),
    "bn.dxhat": _dxhat,
    "bn.dvar": lambda v: _with_statistics(v)[2],
    "bn.dmu_any": _dmu,
    "bn.dmu": _dmu,
    "bn.dmu_dx": _statistics_jacobian("mean"),
    # At the mean, what x does to σ² through μ vanishes.
    "bn.dvar_dx": _statistics_jacobian("var"),
    "bn.dx_paths": all_implementations("dx", symbols),
    "bn.dxhat_dx": _xhat_jacobian,
    "bn.ydot": _ydot,
}


def torch_batch_norm(v: Tensors, letters: Any) -> Tensors:
    """Return y and x̂ by PyTorch's batch norm."""
    x, gamma, beta, eps = (v[symbol] for symbol in (letters.x, letters.gamma, letters.beta, EPSILON))
    y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps.item())
    normalised = F.batch_norm(x, None, None, training=True, eps=eps.item())
    return {letters.y: y, letters.xhat: normalised}


def _torch_normalised(v: Tensors) -> Tensors:
    """Take PyTorch's batch norm; where what lies inside it is given, spell it out."""
    x = v[symbols.x]
    if not {symbols.offset, symbols.mu, symbols.var, symbols.xhat} & v.keys():
        var, mu = torch.var_mean(x, 0, correction=0)
        return {symbols.mu: mu, symbols.var: var, **torch_batch_norm(v, symbols)}
    mu = v[symbols.mu] if symbols.mu in v else x.mean(0) + v.get(symbols.offset, 0)
    var = v[symbols.var] if symbols.var in v else (x - mu).square().mean(0)
    normalised = v[symbols.xhat] if symbols.xhat in v else (x - mu) / (var + v[EPSILON]).sqrt()
    y = torch.addcmul(v[symbols.beta], v[symbols.gamma], normalised)
    return {symbols.mu: mu, symbols.var: var, symbols.xhat: normalised, symbols.y: y}


def _torch_tangent(v: Tensors) -> Tensors:
    """Return ẏ: PyTorch's functional jvp goes back twice, which gives the derivative forward."""
    inputs = (symbols.x, symbols.gamma, symbols.beta)

    def y(*tensors: Tensor) -> Tensor:
        return torch_batch_norm({**v, **dict(zip(inputs, tensors, strict=True))}, symbols)[symbols.y]

    primals = tuple(v[symbol] for symbol in inputs)
    tangents = tuple(v[symbols.DOTTED[symbol]] for symbol in inputs)
    return {symbols.y_dot: _jvp(y, primals, tangents)[1]}


TORCH: dict[str, Torch] = {
    "batch_norm": _torch_normalised,
    "batch_norm_any_mean": _torch_normalised,
    "batch_norm_mean_fixed": _torch_normalised,
    "batch_norm_forward_mode": _torch_tangent,
}
