"""Questions 1.1 a) and b): each module's own derivatives for one sample, and the chain through them."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal
from backproof.proof.formula.index_form import Delta, Sum
from backproof.proof.formula.letters import LOSS, SLOPE, a
from backproof.proof.formula.matrix_form import Whole, identity, ones
from backproof.proof.formula.notation import Derivative, Index, Name, Size, Symbol, grad, scalar

ORDER = 1

d_in, d_out, d_next, d_last = Size("d", "l-1"), Size("d", "l"), Size("d", "l+1"), Size("d", "N")

# One hidden layer and the linear map after it.
i, j, k = Index("i", d_out), Index("j", d_in), Index("k", d_next)
j_out, k_out, k_in = Index("j", d_out), Index("k", d_out), Index("k", d_in)
x_in, x_out = Symbol("x", (d_in,), superscript="(l-1)"), Symbol("x", (d_out,), superscript="(l)")
z = Symbol("x", (d_out,), "tilde", "(l)")
W, b = Symbol("W", (d_out, d_in), superscript="(l)"), Symbol("b", (d_out,), superscript="(l)")
z_next = Symbol("x", (d_next,), "tilde", "(l+1)")
W_next = Symbol("W", (d_next, d_out), superscript="(l+1)")
b_next = Symbol("b", (d_next,), superscript="(l+1)")


def draw_layer(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw the input, both layers' parameters and a slope; every x̃ is off the kink at zero."""
    drawn = normal(x_in, W, b, W_next, b_next)(rng, sizes)
    off_the_kink = np.copysign(0.5, drawn[W] @ drawn[x_in] + drawn[b])
    return {**drawn, b: drawn[b] + off_the_kink, SLOPE: np.array(rng.uniform(0.01, 0.9))}


_linear = Sum(j, W[i, j] * x_in[j]) + b[i]
_leaky = apply("max", z[i]) + a * apply("min", z[i])
_next = Sum(i, W_next[k, i] * x_out[i]) + b_next[k]
LAYER = Graph(
    "layer",
    (d_in, d_out, d_next),
    draw_layer,
    (Definition(z, (i,), _linear), Definition(x_out, (i,), _leaky), Definition(z_next, (k,), _next)),
    (z_next,),
)
_slope = apply("branch", z[i], 1, a)

# The output: softmax, then the loss.
i_last, j_last, k_last = Index("i", d_last), Index("j", d_last), Index("k", d_last)
scores, p = Symbol("x", (d_last,), "tilde", "(N)"), Symbol("x", (d_last,), superscript="(N)")
t = Symbol("t", (d_last,))
_total = Sum(k_last, apply("exp", scores[k_last]))
_softmax = apply("exp", scores[i_last]) / _total
OUTPUT = Graph("output", (d_last,), normal(scores), (Definition(p, (i_last,), _softmax),), (p,))
_loss = -Sum(i_last, t[i_last] * apply("log", p[i_last]))


def draw_output(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw two probability mass functions; the target need not be one-hot."""
    n_classes = sizes[d_last]
    return {symbol: 0.1 / n_classes + 0.9 * rng.dirichlet(np.ones(n_classes)) for symbol in (p, t)}


LOSS_OF_ONE = Graph("loss", (d_last,), draw_output, (Definition(LOSS, (), _loss),), (LOSS,))
_p, _Gp, _Gx, _Gz, _Gnext = (Whole(name) for name in (p, grad(p), grad(x_out), grad(z), grad(z_next)))

FORWARD = (
    Equation("layer.linear", z[i], (_linear,), LAYER, Whole(W) @ Whole(x_in) + Whole(b)),
    Equation(
        "layer.leaky_relu", x_out[i], (_leaky,), LAYER, apply("max", Whole(z)) + a * apply("min", Whole(z))
    ),
    Equation(
        "layer.softmax",
        p[i_last],
        (_softmax,),
        OUTPUT,
        apply("exp", Whole(scores)) / (ones(d_last).T @ apply("exp", Whole(scores))),
    ),
    Equation("layer.loss", scalar(LOSS), (_loss,), LOSS_OF_ONE, -(Whole(t).T @ apply("log", _p))),
)
JACOBIANS = (
    Equation(
        "jacobian.loss", grad(p)[i_last], (-(t[i_last] / p[i_last]),), LOSS_OF_ONE, -apply("⊘", Whole(t), _p)
    ),
    Equation(
        "jacobian.softmax",
        Derivative(scores, p)[i_last, j_last],
        (
            (
                Delta(i_last, j_last) * (apply("exp", scores[i_last]) * _total)
                - apply("exp", scores[i_last]) * apply("exp", scores[j_last])
            )
            / apply("²", _total),
            p[i_last] * (Delta(i_last, j_last) - p[j_last]),
        ),
        OUTPUT,
        apply("diag", _p) - _p @ _p.T,
    ),
    Equation(
        "jacobian.leaky_relu",
        Derivative(z, x_out)[i, j_out],
        (Delta(i, j_out) * _slope,),
        LAYER,
        apply("diag", apply("branch", Whole(z), 1, a)),
    ),
    Equation(
        "jacobian.linear_x",
        Derivative(x_in, z)[i, j],
        (Sum(k_in, W[i, k_in] * Delta(k_in, j)), W[i, j]),
        LAYER,
        Whole(W),
    ),
    Equation(
        "jacobian.linear_W",
        Derivative(W, z)[i, j_out, k_in],
        (Delta(i, j_out) * x_in[k_in],),
        LAYER,
        apply("⊗", identity(d_out), Whole(x_in).T),
    ),
    Equation("jacobian.linear_b", Derivative(b, z)[i, j_out], (Delta(i, j_out),), LAYER, identity(d_out)),
)
CHAIN = (
    Equation(
        "chain.softmax",
        grad(scores)[i_last],
        (
            Sum(j_last, grad(p)[j_last] * Derivative(scores, p)[j_last, i_last]),
            Sum(j_last, grad(p)[j_last] * (p[j_last] * (Delta(j_last, i_last) - p[i_last]))),
            p[i_last] * (grad(p)[i_last] - Sum(j_last, grad(p)[j_last] * p[j_last])),
        ),
        OUTPUT,
        apply("⊙", _p, _Gp - ones(d_last) @ (_p.T @ _Gp)),
    ),
    Equation(
        "chain.leaky_relu",
        grad(z)[i],
        (Sum(j_out, grad(x_out)[j_out] * Derivative(z, x_out)[j_out, i]), grad(x_out)[i] * _slope),
        LAYER,
        apply("⊙", _Gx, apply("branch", Whole(z), 1, a)),
    ),
    Equation(
        "chain.linear_x",
        grad(x_out)[i],
        (Sum(k, grad(z_next)[k] * Derivative(x_out, z_next)[k, i]), Sum(k, grad(z_next)[k] * W_next[k, i])),
        LAYER,
        Whole(W_next).T @ _Gnext,
    ),
    Equation(
        "chain.linear_W",
        grad(W)[i, j],
        (
            Sum(k_out, grad(z)[k_out] * Derivative(W, z)[k_out, i, j]),
            Sum(k_out, grad(z)[k_out] * (Delta(k_out, i) * x_in[j])),
            grad(z)[i] * x_in[j],
        ),
        LAYER,
        _Gz @ Whole(x_in).T,
    ),
    Equation(
        "chain.linear_b",
        grad(b)[i],
        (Sum(j_out, grad(z)[j_out] * Derivative(b, z)[j_out, i]), grad(z)[i]),
        LAYER,
        _Gz,
    ),
)
EQUATIONS = (*FORWARD, *JACOBIANS, *CHAIN)
