"""What the hand-written batch norm computes under each label, in every layout and way that it can run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.proof.code.layers import Layers
from backproof.proof.equations import batchnorm, batchnorm_images
from backproof.proof.equations.letters import EPSILON
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import grad

Code = Callable[[Layers, Sample], Any]
# torch leaves it without types.
_jacobian: Callable[..., Tensor] = torch.autograd.functional.jacobian


@contextmanager
def _as_compiled() -> Iterator[None]:
    """Take the branches that torch.compile takes: they differ in what is written in place."""
    kept, torch.compiler.is_compiling = torch.compiler.is_compiling, lambda: True
    try:
        yield
    finally:
        torch.compiler.is_compiling = kept


_FAR = 2.0**32
_FAR_DIGIT = 2.0**-20
"""The last binary digit of numbers so large: a mean that is rounded there shows beside σ."""


def _ways(layers: Layers, v: Sample, letters: Any) -> Iterator[dict[str, Tensor]]:
    """Run forward and backward in every layout: by the kernels, as compiled, by the differentiable twin."""
    gamma, beta, eps = torch.tensor(v[letters.gamma]), torch.tensor(v[letters.beta]), float(v[EPSILON])

    def by_kernels(dy: Tensor, x: Tensor) -> dict[str, Tensor]:
        return _by_kernels(layers, x, gamma, beta, eps, dy)

    def by_formulas(dy: Tensor, x: Tensor) -> dict[str, Tensor]:
        y, mean, var = layers.formulas.forward(x, gamma, beta, eps, None)
        dx, dgamma, dbeta = layers.formulas.backward(x, gamma, eps, None, dy)
        return {"y": y, "mu": mean, "var": var, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}

    for x, dy in _layouts(torch.tensor(v[letters.x]), torch.tensor(v[grad(letters.y)])):
        for mode, run in (
            (torch.no_grad, by_kernels),
            (_as_compiled, by_kernels),
            (torch.no_grad, by_formulas),
        ):
            with mode():
                yield from _near_and_far(partial(run, dy), x)


def _layouts(x: Tensor, dy: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Lay images out as planes, as rows, and as rows with one axis for all pixels; (B, C) is what it is."""
    yield x, dy
    if x.ndim > 2:
        yield x.contiguous(memory_format=torch.channels_last), dy
        yield x.flatten(2).mT.contiguous().mT, dy.flatten(2)


def _near_and_far(run: Callable[[Tensor], dict[str, Tensor]], x: Tensor) -> Iterator[dict[str, Tensor]]:
    """Run at x, and add what changes when x is moved far away: nothing, once μ is moved back.

    x is rounded first, so that it can be moved without rounding; once so that this holds of its mean too.
    """
    found = run(x)
    yield found
    for grain in (_FAR_DIGIT, _FAR_DIGIT * (x.numel() // x.shape[1])):
        exact = (x / grain).round() * grain
        near, far = run(exact), run(exact + _FAR)
        far["mu"] = far["mu"] - _FAR if grain > _FAR_DIGIT else near["mu"]
        yield {name: found[name] + (far[name] - near[name]) for name in found}


def _by_kernels(
    layers: Layers, x: Tensor, gamma: Tensor, beta: Tensor, eps: float, dy: Tensor
) -> dict[str, Tensor]:
    y, mean, var, invstd = layers.kernels.forward(x, gamma, beta, eps, None)
    dx, dgamma, dbeta = layers.kernels.backward(x, gamma, mean, invstd, None, (True, True, True), dy)
    return {"y": y, "mu": mean, "var": var, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def _named(name: str, letters: Any) -> Code:
    def code(layers: Layers, v: Sample) -> list[Array]:
        found = [way[name] for way in _ways(layers, v, letters)]
        return [each.reshape(v[letters.x].shape if each.ndim > 1 else -1).numpy() for each in found]

    return code


def _y(letters: Any) -> Code:
    """Normalise by the batch's own statistics, and by the same as if they were another's."""

    def code(layers: Layers, v: Sample) -> list[Array]:
        x, gamma, beta, mean, var = (
            torch.tensor(v[each])
            for each in (letters.x, letters.gamma, letters.beta, letters.mu, letters.var)
        )
        frozen: Array = layers.formulas.forward_with_statistics(
            x, gamma, beta, float(v[EPSILON]), mean, var
        ).numpy()
        return [*_named("y", letters)(layers, v), frozen]

    return code


def _xhat(letters: Any) -> Code:
    """x̂ is the y of γ = 1 and β = 0."""

    def code(layers: Layers, v: Sample) -> list[Array]:
        x, eps = torch.tensor(v[letters.x]), float(v[EPSILON])
        gamma, beta = torch.ones(x.shape[1], dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
        return [
            module.forward(x, gamma, beta, eps, None)[0].numpy()
            for module in (layers.kernels, layers.formulas)
        ]

    return code


def _frozen_gradients(
    layers: Layers, v: Sample, x: Tensor, eps: float, mean: Tensor, var: Tensor
) -> tuple[Array, ...]:
    """Return ∂L/∂x, ∂L/∂μ and ∂L/∂σ² where these three are independent of each other."""
    moved = [each.detach().requires_grad_() for each in (x, mean, var)]
    gamma, beta = torch.tensor(v[batchnorm.gamma]), torch.tensor(v[batchnorm.beta])
    y = layers.formulas.forward_with_statistics(moved[0], gamma, beta, eps, *moved[1:])
    gradients = torch.autograd.grad(y, moved, torch.tensor(v[grad(batchnorm.y)]))
    return tuple(each.numpy() for each in gradients)


def _dxhat(layers: Layers, v: Sample) -> Array:
    """Normalise x̂ itself, by the mean 0 and the variance 1."""
    xhat = torch.tensor(v[batchnorm.xhat])
    none = torch.zeros(xhat.shape[1], dtype=xhat.dtype)
    return _frozen_gradients(layers, v, xhat, 0.0, none, none + 1)[0]


def _with_statistics(layers: Layers, v: Sample) -> tuple[Array, ...]:
    tensors = (torch.tensor(v[each]) for each in (batchnorm.mu, batchnorm.var))
    return _frozen_gradients(layers, v, torch.tensor(v[batchnorm.x]), float(v[EPSILON]), *tensors)


def _dmu(layers: Layers, v: Sample) -> Array:
    """Add what μ does to σ², whose own gradient is known, to what it does to x̂."""
    _, dmu, dvar = _with_statistics(layers, v)
    x, mu = v[batchnorm.x], v[batchnorm.mu]
    through_var: Array = dvar * -2 * (x - mu).mean(axis=0)
    total: Array = dmu + through_var
    return total


def _statistics_jacobian(name: str) -> Code:
    def code(layers: Layers, v: Sample) -> Array:
        def statistic(x: Tensor) -> Tensor:
            found: Tensor = getattr(layers.formulas.statistics(x, None), name)
            return found.flatten()

        jacobian: Array = _jacobian(statistic, torch.tensor(v[batchnorm.x])).numpy()
        return jacobian

    return code


def _xhat_jacobian(layers: Layers, v: Sample) -> Array:
    """Go back from every unit vector, with γ = 1."""
    x, eps = torch.tensor(v[batchnorm.x]), float(v[EPSILON])
    gamma, beta = torch.ones(x.shape[1], dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
    rows = [
        _by_kernels(layers, x, gamma, beta, eps, unit.view_as(x))["dx"].numpy()
        for unit in torch.eye(x.numel(), dtype=x.dtype)
    ]
    return np.reshape(rows, (*x.shape, *x.shape))


def _ydot(layers: Layers, v: Sample) -> list[Array]:
    """Take all tangents at once, and one by one: their sum is the same."""
    tangents = tuple(
        torch.tensor(v[each]) for each in (batchnorm.x_dot, batchnorm.gamma_dot, batchnorm.beta_dot)
    )
    x, gamma = torch.tensor(v[batchnorm.x]), torch.tensor(v[batchnorm.gamma])
    eps, (x_dot, gamma_dot, beta_dot) = float(v[EPSILON]), tangents
    alone = ((x_dot, None, None), (None, gamma_dot, None), (None, None, beta_dot))
    together, *parts = (layers.formulas.jvp(x, gamma, eps, None, each).numpy() for each in (tangents, *alone))
    return [together, np.sum(parts, axis=0)]  # which refuses parts of unlike shapes


CODE: dict[str, Code] = {
    **{
        f"{prefix}.{name}": _named(name, letters)
        for prefix, letters in (("bn", batchnorm), ("bn2d", batchnorm_images))
        for name in ("mu", "var", "dgamma", "dbeta", "dx")
    },
    "bn.y": _y(batchnorm),
    "bn2d.y": _y(batchnorm_images),
    "bn.xhat": _xhat(batchnorm),
    "bn2d.xhat": _xhat(batchnorm_images),
    "bn.dxhat": _dxhat,
    "bn.dvar": lambda layers, v: _with_statistics(layers, v)[2],
    "bn.dmu_any": _dmu,
    "bn.dmu": _dmu,
    "bn.dmu_dx": _statistics_jacobian("mean"),
    # At the mean, what x does to σ² through μ vanishes.
    "bn.dvar_dx": _statistics_jacobian("var"),
    "bn.dx_paths": _named("dx", batchnorm),
    "bn.dxhat_dx": _xhat_jacobian,
    "bn.ydot": _ydot,
}
"""What the code computes under each label: an array, or several that should all be the same."""
