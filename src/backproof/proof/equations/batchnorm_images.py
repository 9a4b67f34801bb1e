"""Batch norm of images (B, C, H, V): the sums run over the batch and both spatial axes."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, Formula, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal
from backproof.proof.formula.index_form import Sum
from backproof.proof.formula.letters import EPSILON, B, C, H, V, epsilon
from backproof.proof.formula.matrix_form import Whole, ones
from backproof.proof.formula.notation import Index, Name, Symbol, grad

ORDER = 7

s, i, h, v = Index("s", B), Index("i", C), Index("h", H), Index("v", V)
r, g, u = Index("r", B), Index("g", H), Index("u", V)
x, y, xhat = (Symbol(letter, (B, C, H, V), accent) for letter, accent in (("x", ""), ("y", ""), ("x", "hat")))
gamma, beta = Symbol("γ", (C,)), Symbol("β", (C,))
mu, var = Symbol("μ", (C,)), Symbol("σ", (C,), superscript="2")


def over_pixels(body: Formula) -> Formula:
    """Sum over the batch and both spatial axes, by r, g and u."""
    return Sum(r, Sum(g, Sum(u, body)))


def draw_images(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw x, γ, β and an ε that shows."""
    return {**normal(x, gamma, beta)(rng, sizes), EPSILON: np.array(rng.uniform(0.1, 0.5))}


_n = B * H * V
_std = apply("√", var[i] + epsilon)
_mu = (1 / _n) * over_pixels(x[r, i, g, u])
_var = (1 / _n) * over_pixels(apply("²", x[r, i, g, u] - mu[i]))
_xhat = (x[s, i, h, v] - mu[i]) / _std
_y = gamma[i] * xhat[s, i, h, v] + beta[i]
IMAGES = Graph(
    "batch_norm_images",
    (B, C, H, V),
    draw_images,
    (
        Definition(mu, (i,), _mu),
        Definition(var, (i,), _var),
        Definition(xhat, (s, i, h, v), _xhat),
        Definition(y, (s, i, h, v), _y),
    ),
    (y,),
)
_1, _X, _XHAT, _G = ones(B, H, V), Whole(x), Whole(xhat), Whole(grad(y))
_centred = _X - _1 @ Whole(mu).T
_invstd = apply("^(−1/2)", Whole(var) + epsilon)
_dgamma = over_pixels(grad(y)[r, i, g, u] * xhat[r, i, g, u])
_dbeta = over_pixels(grad(y)[r, i, g, u])

EQUATIONS = (
    Equation("bn2d.mu", mu[i], (_mu,), IMAGES, (1 / _n) * (_X.T @ _1)),
    Equation("bn2d.var", var[i], (_var,), IMAGES, (1 / _n) * (apply("⊙", _centred, _centred).T @ _1)),
    Equation("bn2d.xhat", xhat[s, i, h, v], (_xhat,), IMAGES, _centred @ apply("diag", _invstd)),
    Equation(
        "bn2d.y", y[s, i, h, v], (_y,), IMAGES, _XHAT @ apply("diag", Whole(gamma)) + _1 @ Whole(beta).T
    ),
    Equation("bn2d.dgamma", grad(gamma)[i], (_dgamma,), IMAGES, apply("⊙", _G, _XHAT).T @ _1),
    Equation("bn2d.dbeta", grad(beta)[i], (_dbeta,), IMAGES, _G.T @ _1),
    Equation(
        "bn2d.dx",
        grad(x)[s, i, h, v],
        (
            (gamma[i] / (_n * _std))
            * (_n * grad(y)[s, i, h, v] - grad(beta)[i] - xhat[s, i, h, v] * grad(gamma)[i]),
            (gamma[i] / (_n * _std)) * (_n * grad(y)[s, i, h, v] - _dbeta - xhat[s, i, h, v] * _dgamma),
        ),
        IMAGES,
        (1 / _n)
        * (
            (_n * _G - _1 @ _1.T @ _G - _XHAT @ apply("diag", apply("⊙", _G, _XHAT).T @ _1))
            @ apply("diag", apply("⊙", Whole(gamma), _invstd))
        ),
    ),
)
