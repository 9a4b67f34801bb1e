"""Cross entropy of a batch, by itself and with softmax as one function."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal
from backproof.proof.formula.index_form import Delta, Largest, Sum
from backproof.proof.formula.letters import EPSILON, LOSS, B, C, epsilon
from backproof.proof.formula.matrix_form import Whole, ones
from backproof.proof.formula.notation import Index, Name, Symbol, grad, scalar

ORDER = 4

s, i, j, k = Index("s", B), Index("i", C), Index("j", C), Index("k", C)
x, p, t = Symbol("x", (B, C)), Symbol("p", (B, C)), Symbol("t", (B, C))
c = Symbol("c", (B,))
"""Each sample's class, of which t is the one-hot form."""
losses = Symbol("ℓ", (B,))
"""Each sample's own loss."""


def draw_probabilities(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw two probability mass functions a sample; the targets need not be one-hot."""
    b, n = sizes[B], sizes[C]
    return {symbol: 0.1 / n + 0.9 * rng.dirichlet(np.ones(n), size=b) for symbol in (p, t)}


def draw_scores(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw scores and classes."""
    return {**normal(x)(rng, sizes), c: rng.integers(0, sizes[C], size=sizes[B])}


def draw_smoothed(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw scores and classes, and how much of a target all classes share."""
    return {EPSILON: np.array(rng.uniform(0.1, 0.9)), **draw_scores(rng, sizes)}


_mean = (1 / B) * Sum(s, losses[s])
BATCH = Graph("batch", (B,), normal(losses), (Definition(LOSS, (), _mean),), (LOSS,))

_loss = -((1 / B) * Sum(s, Sum(i, t[s, i] * apply("log", p[s, i]))))
CROSS_ENTROPY = Graph("cross_entropy", (B, C), draw_probabilities, (Definition(LOSS, (), _loss),), (LOSS,))

_softmax = apply("exp", x[s, i]) / Sum(j, apply("exp", x[s, j]))
_shift = Largest(k, x[s, k])
FUSED = Graph(
    "softmax_cross_entropy",
    (B, C),
    draw_scores,
    (
        Definition(t, (s, i), Delta(i, c[s])),
        Definition(p, (s, i), _softmax),
        Definition(LOSS, (), _loss),
    ),
    (LOSS,),
)
_kept, _spread = 1 - epsilon, epsilon / C
_smoothed = _kept * Delta(i, c[s]) + _spread
_smoothed_loss = -((1 / B) * Sum(s, Sum(i, _smoothed * apply("log", p[s, i]))))
SMOOTHED = Graph(
    "label_smoothing",
    (B, C),
    draw_smoothed,
    (
        Definition(t, (s, i), Delta(i, c[s])),
        Definition(p, (s, i), _softmax),
        Definition(LOSS, (), _smoothed_loss),
    ),
    (LOSS,),
)
_X, _P, _T, _1B, _1C = Whole(x), Whole(p), Whole(t), ones(B), ones(C)

EQUATIONS = (
    Equation("batch.loss", scalar(LOSS), (_mean,), BATCH, (1 / B) * (_1B.T @ Whole(losses))),
    Equation("batch.share", grad(losses)[s], (1 / B,), BATCH, (1 / B) * _1B),
    Equation(
        "cross_entropy.loss",
        scalar(LOSS),
        (_loss,),
        CROSS_ENTROPY,
        -((1 / B) * (_1B.T @ apply("⊙", _T, apply("log", _P)) @ _1C)),
    ),
    Equation(
        "cross_entropy.dp",
        grad(p)[s, i],
        (-(t[s, i] / (B * p[s, i])),),
        CROSS_ENTROPY,
        -((1 / B) * apply("⊘", _T, _P)),
    ),
    Equation(
        "softmax_cross_entropy.loss",
        scalar(LOSS),
        (
            -((1 / B) * Sum(s, apply("log", p[s, c[s]]))),
            (1 / B) * Sum(s, apply("log", Sum(j, apply("exp", x[s, j]))) - x[s, c[s]]),
            (1 / B) * Sum(s, apply("log", Sum(j, apply("exp", x[s, j] - _shift))) - (x[s, c[s]] - _shift)),
        ),
        FUSED,
        (1 / B) * (_1B.T @ (apply("log", apply("exp", _X) @ _1C) - apply("⊙", _T, _X) @ _1C)),
    ),
    Equation(
        "softmax_cross_entropy.dx",
        grad(x)[s, i],
        (
            Sum(j, grad(p)[s, j] * (p[s, j] * (Delta(i, j) - p[s, i]))),
            -((1 / B) * Sum(j, t[s, j] * (Delta(i, j) - p[s, i]))),
            (p[s, i] - Delta(i, c[s])) / B,
        ),
        FUSED,
        (1 / B) * (_P - _T),
    ),
    Equation(
        "label_smoothing.loss",
        scalar(LOSS),
        (
            _smoothed_loss,
            -((1 / B) * Sum(s, _kept * apply("log", p[s, c[s]]) + _spread * Sum(i, apply("log", p[s, i])))),
        ),
        SMOOTHED,
        -((1 / B) * (_1B.T @ (_kept * apply("⊙", _T, apply("log", _P)) + _spread * apply("log", _P)) @ _1C)),
    ),
    Equation(
        "label_smoothing.dx",
        grad(x)[s, i],
        (
            Sum(j, grad(p)[s, j] * (p[s, j] * (Delta(i, j) - p[s, i]))),
            -((1 / B) * Sum(j, (_kept * Delta(j, c[s]) + _spread) * (Delta(i, j) - p[s, i]))),
            (p[s, i] - _smoothed) / B,
        ),
        SMOOTHED,
        (1 / B) * (_P - (_kept * _T + _spread * (_1B @ _1C.T))),
    ),
)
