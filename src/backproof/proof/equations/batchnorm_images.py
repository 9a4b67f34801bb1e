"""Batch norm of images (B, C, H, W): the sums run over the batch and both spatial axes."""

import numpy as np

from backproof.proof.equation import Equation
from backproof.proof.equations.letters import EPSILON, B, C, H, W, epsilon
from backproof.proof.formula import Array, Formula, apply
from backproof.proof.graph import Definition, Graph, Sizes, normal
from backproof.proof.index_form import Sum
from backproof.proof.matrix_form import Whole, ones
from backproof.proof.notation import Index, Name, Symbol, grad

s, i, h, w = Index("s", B), Index("i", C), Index("h", H), Index("w", W)
r, u, v = Index("r", B), Index("u", H), Index("v", W)
x, y, xhat = (Symbol(letter, (B, C, H, W), accent) for letter, accent in (("x", ""), ("y", ""), ("x", "hat")))
gamma, beta = Symbol("γ", (C,)), Symbol("β", (C,))
mu, var = Symbol("μ", (C,)), Symbol("σ", (C,), raised="2")


def over_pixels(body: Formula) -> Formula:
    """Sum over the batch and both spatial axes, by r, u and v."""
    return Sum(r, Sum(u, Sum(v, body)))


def draw_images(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw x, γ, β and an ε that shows."""
    return {**normal(x, gamma, beta)(rng, sizes), EPSILON: np.array(rng.uniform(0.1, 0.5))}


_n = B * H * W
_std = apply("√", var[i] + epsilon)
_mu = (1 / _n) * over_pixels(x[r, i, u, v])
_var = (1 / _n) * over_pixels(apply("²", x[r, i, u, v] - mu[i]))
_xhat = (x[s, i, h, w] - mu[i]) / _std
_y = gamma[i] * xhat[s, i, h, w] + beta[i]
IMAGES = Graph(
    "batch_norm_images",
    (B, C, H, W),
    draw_images,
    (
        Definition(mu, (i,), _mu),
        Definition(var, (i,), _var),
        Definition(xhat, (s, i, h, w), _xhat),
        Definition(y, (s, i, h, w), _y),
    ),
    (y,),
)
_1, _X, _XHAT, _G = ones(B, H, W), Whole(x), Whole(xhat), Whole(grad(y))
_centred = _X - _1 @ Whole(mu).T
_invstd = apply("^(−1/2)", Whole(var) + epsilon)
_dgamma = over_pixels(grad(y)[r, i, u, v] * xhat[r, i, u, v])
_dbeta = over_pixels(grad(y)[r, i, u, v])

EQUATIONS = (
    Equation("bn2d.mu", mu[i], (_mu,), IMAGES, (1 / _n) * (_X.T @ _1)),
    Equation("bn2d.var", var[i], (_var,), IMAGES, (1 / _n) * (apply("⊙", _centred, _centred).T @ _1)),
    Equation("bn2d.xhat", xhat[s, i, h, w], (_xhat,), IMAGES, _centred @ apply("diag", _invstd)),
    Equation(
        "bn2d.y", y[s, i, h, w], (_y,), IMAGES, _XHAT @ apply("diag", Whole(gamma)) + _1 @ Whole(beta).T
    ),
    Equation("bn2d.dgamma", grad(gamma)[i], (_dgamma,), IMAGES, apply("⊙", _G, _XHAT).T @ _1),
    Equation("bn2d.dbeta", grad(beta)[i], (_dbeta,), IMAGES, _G.T @ _1),
    Equation(
        "bn2d.dx",
        grad(x)[s, i, h, w],
        (
            (gamma[i] / (_n * _std))
            * (_n * grad(y)[s, i, h, w] - grad(beta)[i] - xhat[s, i, h, w] * grad(gamma)[i]),
            (gamma[i] / (_n * _std)) * (_n * grad(y)[s, i, h, w] - _dbeta - xhat[s, i, h, w] * _dgamma),
        ),
        IMAGES,
        (1 / _n)
        * (
            (_n * _G - _1 @ _1.T @ _G - _XHAT @ apply("diag", apply("⊙", _G, _XHAT).T @ _1))
            @ apply("diag", apply("⊙", Whole(gamma), _invstd))
        ),
    ),
)
