"""Statistics beyond one batch: joined over processes, and running averages for evaluation."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Graph, Sizes
from backproof.proof.formula.index_form import First, Sum
from backproof.proof.formula.letters import B, C
from backproof.proof.formula.matrix_form import Whole, ones
from backproof.proof.formula.notation import Index, Name, Size, Symbol, scalar

ORDER = 8

P = Size("P")
"""Processes."""
k, i = Index("k", P), Index("i", C)
x = Symbol("x", (B, C))
n = Symbol("n", (P,))
"""Each process's samples, B in all."""
e, mu = Symbol("e", (P, C)), Symbol("μ", (C,))
"""Each process's mean, and that of all."""
Q, q = Symbol("Q", (P, C)), Symbol("q", (C,))
"""Sums of squared deviations, from each process's own mean and from that of all."""
var = Symbol("σ", (C,), superscript="2")
TOTAL = Symbol("B")


def draw_parts(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw samples, spread over processes unevenly, and each process's own count, mean and deviations."""
    processes = np.repeat(np.arange(sizes[P]), rng.permutation(sizes[P]) + 2)
    samples = rng.normal(size=(len(processes), sizes[C]))
    own = [samples[processes == number] for number in range(sizes[P])]
    return {
        x: samples,
        n: np.array([float(len(part)) for part in own]),
        e: np.array([part.mean(axis=0) for part in own]),
        Q: np.array([((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in own]),
        TOTAL: np.array(float(len(samples))),
        mu: samples.mean(axis=0),
        q: ((samples - samples.mean(axis=0)) ** 2).sum(axis=0),
    }


JOINT = Graph("joint", (P, C), draw_parts, (), ())
_first = e[First(), i]
_total = scalar(TOTAL)
_weighted = (1 / _total) * Sum(k, n[k] * e[k, i])
_shifted = _first + (1 / _total) * Sum(k, n[k] * (e[k, i] - _first))
_1 = ones(P)
_apart = Whole(e) - _1 @ Whole(mu).T

MOMENTUM = Symbol("m")
running_mean = Symbol("μ", (C,), "macron")
running_var = Symbol("σ", (C,), "macron", "2")


def draw_running(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a batch, the averages so far, and a momentum."""
    samples = rng.normal(size=(sizes[B], sizes[C]))
    return {
        x: samples,
        mu: samples.mean(axis=0),
        var: samples.var(axis=0),
        running_mean: rng.normal(size=sizes[C]),
        running_var: rng.uniform(0.5, 2.0, size=sizes[C]),
        MOMENTUM: np.array(rng.uniform(0.1, 0.9)),
    }


RUNNING = Graph("running", (B, C), draw_running, (), ())
_m = scalar(MOMENTUM)
_unbiased = B / (B - 1)

EQUATIONS = (
    Equation("bn.joint_n", _total, (Sum(k, n[k]),), JOINT, _1.T @ Whole(n)),
    Equation("bn.joint_mu", mu[i], (_weighted, _shifted), JOINT, (1 / _total) * (Whole(e).T @ Whole(n))),
    Equation(
        "bn.joint_q",
        q[i],
        (Sum(k, Q[k, i] + n[k] * apply("²", e[k, i] - mu[i])),),
        JOINT,
        Whole(Q).T @ _1 + apply("⊙", _apart, _apart).T @ Whole(n),
    ),
    Equation("bn.joint_var", var[i], (q[i] / _total,), JOINT, (1 / _total) * Whole(q)),
    Equation(
        "bn.running_mean",
        running_mean[i],
        ((1 - _m) * running_mean[i] + _m * mu[i],),
        RUNNING,
        (1 - _m) * Whole(running_mean) + _m * Whole(mu),
        sign="←",
    ),
    Equation(
        "bn.running_var",
        running_var[i],
        ((1 - _m) * running_var[i] + _m * (_unbiased * var[i]),),
        RUNNING,
        (1 - _m) * Whole(running_var) + _m * (_unbiased * Whole(var)),
        sign="←",
    ),
)
