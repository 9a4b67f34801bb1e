"""Batch norm of (B, C): forward, every step of its gradients, and forward mode."""

from dataclasses import replace

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, Number, apply
from backproof.proof.formula.graph import Definition, Graph, Sample, Sizes, normal
from backproof.proof.formula.index_form import Delta, Sum
from backproof.proof.formula.letters import EPSILON, B, C, epsilon
from backproof.proof.formula.matrix_form import Whole, identity, ones
from backproof.proof.formula.notation import Derivative, Index, Name, Symbol, grad

ORDER = 6

s, r, i, j = Index("s", B), Index("r", B), Index("i", C), Index("j", C)
x, y, xhat = Symbol("x", (B, C)), Symbol("y", (B, C)), Symbol("x", (B, C), "hat")
gamma, beta = Symbol("γ", (C,)), Symbol("β", (C,))
mu, var = Symbol("μ", (C,)), Symbol("σ", (C,), superscript="2")
offset = Symbol("o", (C,))
DOTTED = {symbol: Symbol(symbol.letter, symbol.sizes, "dot") for symbol in (x, gamma, beta, y)}
x_dot, gamma_dot, beta_dot, y_dot = DOTTED.values()


def draw_batch(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw x, γ, β, their tangents, and an ε that shows."""
    return {
        **normal(x, gamma, beta, x_dot, gamma_dot, beta_dot)(rng, sizes),
        EPSILON: np.array(rng.uniform(0.1, 0.5)),
    }


def draw_off_the_mean(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw an offset from the mean besides, so that sums which vanish at the mean are seen."""
    return {**draw_batch(rng, sizes), **normal(offset)(rng, sizes)}


def draw_the_mean(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a batch, and take its mean as a number of its own."""
    drawn = draw_batch(rng, sizes)
    return {**drawn, mu: drawn[x].mean(axis=0)}


_mu = (1 / B) * Sum(s, x[s, i])
_var = (1 / B) * Sum(s, apply("²", x[s, i] - mu[i]))
_xhat = (x[s, i] - mu[i]) / apply("√", var[i] + epsilon)
_y = gamma[i] * xhat[s, i] + beta[i]
_AFTER_THE_MEAN = (Definition(var, (i,), _var), Definition(xhat, (s, i), _xhat), Definition(y, (s, i), _y))
BATCH_NORM = Graph("batch_norm", (B, C), draw_batch, (Definition(mu, (i,), _mu), *_AFTER_THE_MEAN), (y,))
ANY_MEAN = Graph(
    "batch_norm_any_mean",
    (B, C),
    draw_off_the_mean,
    (Definition(mu, (i,), offset[i] + _mu), *_AFTER_THE_MEAN),
    (y,),
)
"""Batch norm around any μ that follows x as the mean does."""
MEAN_FIXED = Graph("batch_norm_mean_fixed", (B, C), draw_the_mean, _AFTER_THE_MEAN, (y,))
"""Batch norm around the mean, which stays fixed when x changes."""
FORWARD_MODE = replace(BATCH_NORM, name="batch_norm_forward_mode")

_std = apply("√", var[i] + epsilon)
_1, _X, _XHAT, _G, _GHAT = ones(B), Whole(x), Whole(xhat), Whole(grad(y)), Whole(grad(xhat))
_centred = _X - _1 @ Whole(mu).T
_variance = Whole(var) + epsilon
_invstd = apply("^(−1/2)", _variance)
_DIAGONAL = apply("diag", apply("vec", _XHAT))

FORWARD = (
    Equation("bn.mu", mu[i], (_mu,), BATCH_NORM, (1 / B) * (_X.T @ _1)),
    Equation("bn.var", var[i], (_var,), BATCH_NORM, (1 / B) * (apply("⊙", _centred, _centred).T @ _1)),
    Equation("bn.xhat", xhat[s, i], (_xhat,), BATCH_NORM, _centred @ apply("diag", _invstd)),
    Equation("bn.y", y[s, i], (_y,), BATCH_NORM, _XHAT @ apply("diag", Whole(gamma)) + _1 @ Whole(beta).T),
)
PARAMETERS = (
    Equation(
        "bn.dgamma",
        grad(gamma)[i],
        (
            Sum(s, Sum(j, grad(y)[s, j] * Derivative(gamma, y)[s, j, i])),
            Sum(s, Sum(j, grad(y)[s, j] * (Delta(j, i) * xhat[s, j]))),
            Sum(s, grad(y)[s, i] * xhat[s, i]),
        ),
        BATCH_NORM,
        apply("⊙", _G, _XHAT).T @ _1,
    ),
    Equation(
        "bn.dbeta",
        grad(beta)[i],
        (
            Sum(s, Sum(j, grad(y)[s, j] * Derivative(beta, y)[s, j, i])),
            Sum(s, Sum(j, grad(y)[s, j] * Delta(j, i))),
            Sum(s, grad(y)[s, i]),
        ),
        BATCH_NORM,
        _G.T @ _1,
    ),
)
_HALF = Number(1) / 2
_POWER = apply("^(−3/2)", var[i] + epsilon)
_xhat_sum = Sum(r, grad(xhat)[r, i] * xhat[r, i])
STEPS = (
    Equation(
        "bn.dxhat",
        grad(xhat)[s, i],
        (gamma[i] * grad(y)[s, i],),
        BATCH_NORM,
        _G @ apply("diag", Whole(gamma)),
    ),
    Equation(
        "bn.dvar",
        grad(var)[i],
        (
            Sum(s, grad(xhat)[s, i] * (-(_HALF * ((x[s, i] - mu[i]) * _POWER)))),
            -(_HALF * (_POWER * Sum(s, grad(xhat)[s, i] * (x[s, i] - mu[i])))),
        ),
        ANY_MEAN,
        -(_HALF * apply("⊙", apply("^(−3/2)", _variance), apply("⊙", _GHAT, _centred).T @ _1)),
    ),
    Equation(
        "bn.dmu_any",
        grad(mu)[i],
        (-((1 / _std) * Sum(s, grad(xhat)[s, i])) - (2 / B) * (grad(var)[i] * Sum(s, x[s, i] - mu[i])),),
        ANY_MEAN,
        -apply("⊙", _invstd, _GHAT.T @ _1) - (2 / B) * apply("⊙", Whole(grad(var)), _centred.T @ _1),
    ),
    Equation(
        "bn.dmu",
        grad(mu)[i],
        (-((1 / _std) * Sum(s, grad(xhat)[s, i])),),
        BATCH_NORM,
        -apply("⊙", _invstd, _GHAT.T @ _1),
    ),
    Equation(
        "bn.dmu_dx",
        Derivative(x, mu)[i, r, j],
        ((1 / B) * Sum(s, Delta(s, r) * Delta(i, j)), (1 / B) * Delta(i, j)),
        BATCH_NORM,
        (1 / B) * apply("⊗", _1.T, identity(C)),
    ),
    Equation(
        "bn.dvar_dx",
        Derivative(x, var)[i, r, j],
        ((2 / B) * (Delta(i, j) * (x[r, i] - mu[i])),),
        MEAN_FIXED,
        (2 / B) * (apply("⊗", _1.T, identity(C)) @ apply("diag", apply("vec", _centred))),
    ),
    Equation(
        "bn.dx_paths",
        grad(x)[s, i],
        (
            (1 / _std) * grad(xhat)[s, i]
            + (2 / B) * ((x[s, i] - mu[i]) * grad(var)[i])
            + (1 / B) * grad(mu)[i],
        ),
        BATCH_NORM,
        _GHAT @ apply("diag", _invstd)
        + (2 / B) * (_centred @ apply("diag", Whole(grad(var))))
        + (1 / B) * (_1 @ Whole(grad(mu)).T),
    ),
    Equation(
        "bn.dx",
        grad(x)[s, i],
        (
            (1 / (B * _std)) * (B * grad(xhat)[s, i] - Sum(r, grad(xhat)[r, i]) - xhat[s, i] * _xhat_sum),
            (gamma[i] / (B * _std))
            * (B * grad(y)[s, i] - Sum(r, grad(y)[r, i]) - xhat[s, i] * Sum(r, grad(y)[r, i] * xhat[r, i])),
        ),
        BATCH_NORM,
        (1 / B)
        * (
            (B * _G - _1 @ _1.T @ _G - _XHAT @ apply("diag", apply("⊙", _G, _XHAT).T @ _1))
            @ apply("diag", apply("⊙", Whole(gamma), _invstd))
        ),
    ),
    Equation(
        "bn.dxhat_dx",
        Derivative(x, xhat)[s, i, r, j],
        ((Delta(i, j) / _std) * (Delta(s, r) - 1 / B - (1 / B) * (xhat[s, i] * xhat[r, i])),),
        BATCH_NORM,
        (
            apply("⊗", identity(B) - (1 / B) * (_1 @ _1.T), identity(C))
            - (1 / B) * (_DIAGONAL @ apply("⊗", _1 @ _1.T, identity(C)) @ _DIAGONAL)
        )
        @ apply("⊗", identity(B), apply("diag", _invstd)),
    ),
)


def directional(sample: Sample) -> Array:
    """Return ẏ: every input's ∂y/∂input along its tangent."""
    parts = [
        np.tensordot(sample[Derivative(by, y)], sample[DOTTED[by]], sample[by].ndim)
        for by in (x, gamma, beta)
    ]
    return np.asarray(np.sum(parts, axis=0))


TANGENT = (
    Equation(
        "bn.ydot",
        y_dot[s, i],
        (
            (gamma[i] / _std)
            * (
                x_dot[s, i]
                - (1 / B) * Sum(r, x_dot[r, i])
                - xhat[s, i] * ((1 / B) * Sum(r, x_dot[r, i] * xhat[r, i]))
            )
            + gamma_dot[i] * xhat[s, i]
            + beta_dot[i],
        ),
        FORWARD_MODE,
        (
            Whole(x_dot)
            - (1 / B) * (_1 @ _1.T @ Whole(x_dot))
            - (1 / B) * (_XHAT @ apply("diag", apply("⊙", Whole(x_dot), _XHAT).T @ _1))
        )
        @ apply("diag", apply("⊙", Whole(gamma), _invstd))
        + _XHAT @ apply("diag", Whole(gamma_dot))
        + _1 @ Whole(beta_dot).T,
        truth=directional,
    ),
)
EQUATIONS = (*FORWARD, *PARAMETERS, *STEPS, *TANGENT)
