"""Statistics beyond one batch: joined over processes, and running averages for evaluation."""

import numpy as np

from backproof.proof.equation import Equation
from backproof.proof.equations.letters import B, C
from backproof.proof.formula import Array, apply
from backproof.proof.graph import Graph, Sizes
from backproof.proof.index_form import First, Sum
from backproof.proof.matrix_form import Whole, ones
from backproof.proof.notation import Index, Name, Size, Symbol, scalar

P = Size("P")
"""Processes."""
p, i = Index("p", P), Index("i", C)
x = Symbol("x", (B, C))
part = Symbol("part", (B,))
"""Which process has which sample."""
n_p, n = Symbol("n", (P,)), Symbol("n")
mu_p, mu = Symbol("μ", (P, C)), Symbol("μ", (C,))
q_p, q = Symbol("q", (P, C)), Symbol("q", (C,))
"""Sums of squared deviations from the mean."""


def draw_parts(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw samples, spread over processes unevenly, and each process's own count, mean and deviations."""
    processes = np.repeat(np.arange(sizes[P]), rng.permutation(sizes[P]) + 2)
    samples = rng.normal(size=(len(processes), sizes[C]))
    own = [samples[processes == number] for number in range(sizes[P])]
    return {
        x: samples,
        part: processes,
        n_p: np.array([float(len(each)) for each in own]),
        mu_p: np.array([each.mean(axis=0) for each in own]),
        q_p: np.array([((each - each.mean(axis=0)) ** 2).sum(axis=0) for each in own]),
        n: np.array(float(len(samples))),
        mu: samples.mean(axis=0),
    }


JOINT = Graph("joint", (P, C), draw_parts, (), ())
_first = mu_p[First(), i]
_weighted = (1 / scalar(n)) * Sum(p, n_p[p] * mu_p[p, i])
_shifted = _first + (1 / scalar(n)) * Sum(p, n_p[p] * (mu_p[p, i] - _first))

_1 = ones(P)
_apart = Whole(mu_p) - _1 @ Whole(mu).T

MOMENTUM = Symbol("m")
running_mean = Symbol("μ", (C,), "macron")
running_var = Symbol("σ", (C,), "macron", "2")
batch_var = Symbol("σ", (C,), raised="2")


def draw_running(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a batch, the averages so far, and a momentum."""
    samples = rng.normal(size=(sizes[B], sizes[C]))
    return {
        x: samples,
        mu: samples.mean(axis=0),
        batch_var: samples.var(axis=0),
        running_mean: rng.normal(size=sizes[C]),
        running_var: rng.uniform(0.5, 2.0, size=sizes[C]),
        MOMENTUM: np.array(rng.uniform(0.1, 0.9)),
    }


RUNNING = Graph("running", (B, C), draw_running, (), ())
_m = scalar(MOMENTUM)

EQUATIONS = (
    Equation("bn.joint_n", scalar(n), (Sum(p, n_p[p]),), JOINT, _1.T @ Whole(n_p)),
    Equation(
        "bn.joint_mu", mu[i], (_weighted, _shifted), JOINT, (1 / scalar(n)) * (Whole(mu_p).T @ Whole(n_p))
    ),
    Equation(
        "bn.joint_q",
        q[i],
        (Sum(p, q_p[p, i] + n_p[p] * apply("²", mu_p[p, i] - mu[i])),),
        JOINT,
        Whole(q_p).T @ _1 + apply("⊙", _apart, _apart).T @ Whole(n_p),
    ),
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
        ((1 - _m) * running_var[i] + _m * ((B / (B - 1)) * batch_var[i]),),
        RUNNING,
        (1 - _m) * Whole(running_var) + _m * ((B / (B - 1)) * Whole(batch_var)),
        sign="←",
    ),
)
