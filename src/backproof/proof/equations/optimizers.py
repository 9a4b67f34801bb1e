"""The optimizers' rules, what clips their gradients, and what averages their weights.

A prime is for what a step leaves in an optimizer's state.
"""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal, shape
from backproof.proof.formula.index_form import Sum
from backproof.proof.formula.letters import EPSILON, D, epsilon
from backproof.proof.formula.matrix_form import Whole
from backproof.proof.formula.notation import Index, Name, Symbol, grad, scalar

ORDER = 5

i = Index("i", D)
w, g = Symbol("w", (D,)), Symbol("g", (D,))
"""A parameter, and its gradient, weight decay's share in it or not."""
ETA, DECAY = Symbol("η"), Symbol("λ")
"""The learning rate, and the weight decay."""
_eta, _decay = scalar(ETA), scalar(DECAY)


def draw(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a parameter, a learning rate and a weight decay."""
    rates: dict[Name, Array] = {name: np.array(rng.uniform(0.1, 1)) for name in (ETA, DECAY)}
    return {**normal(w)(rng, sizes), **rates}


SGD = Graph("sgd", (D,), draw, (), (w,))

v, v_new = Symbol("v", (D,)), Symbol("v", (D,), superscript="′")
MOMENTUM = Symbol("m")
_m = scalar(MOMENTUM)
_v_new = _m * v[i] + g[i]


def draw_momentum(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a parameter, its gradient, its buffer, and the settings."""
    return {**draw(rng, sizes), **normal(g, v)(rng, sizes), MOMENTUM: np.array(rng.uniform(0.1, 0.9))}


_buffered = (Definition(v_new, (i,), _v_new),)
SGD_MOMENTUM, SGD_NESTEROV = (
    Graph(name, (D,), draw_momentum, _buffered, ()) for name in ("momentum", "nesterov")
)

mean, mean_new = Symbol("m", (D,)), Symbol("m", (D,), superscript="′")
BETA_1, BETA_2 = Symbol("β_1"), Symbol("β_2")
STEPS = Symbol("t")
"""Steps so far, this one among them."""
_beta_1, _beta_2, _t = scalar(BETA_1), scalar(BETA_2), scalar(STEPS)
_mean_new = _beta_1 * mean[i] + (1 - _beta_1) * g[i]
_square_new = _beta_2 * v[i] + (1 - _beta_2) * apply("²", g[i])


def draw_adam(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a parameter, its gradient and the means so far, a number of steps, and settings that all count."""
    return {
        **draw(rng, sizes),
        **normal(g, mean)(rng, sizes),
        v: rng.uniform(0.5, 2.0, shape(v, sizes)),
        **{name: np.array(rng.uniform(0.1, 0.9)) for name in (BETA_1, BETA_2, EPSILON)},
        STEPS: np.array(float(rng.integers(2, 6))),
    }


_means = (Definition(mean_new, (i,), _mean_new), Definition(v_new, (i,), _square_new))
ADAM, ADAMW = (Graph(name, (D,), draw_adam, _means, ()) for name in ("adam", "adamw"))
_start_1, _start_2 = 1 - apply("^", _beta_1, _t), 1 - apply("^", _beta_2, _t)
"""The shares of the means that are not of their start at zero."""
_update = (mean_new[i] / _start_1) / (apply("√", v_new[i] / _start_2) + epsilon)
_update_matrix = apply("⊘", Whole(mean_new) / _start_1, apply("√", Whole(v_new) / _start_2) + epsilon)

NORM, MOST = Symbol("ρ"), Symbol("θ")
"""The norm of all gradients as one vector, and the most that it may be."""
_norm = scalar(NORM)
_share = apply("min 1", scalar(MOST) / (_norm + epsilon))


def draw_gradient(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a gradient and a largest norm, below its own or above; ε is the code's."""
    drawn = normal(g)(rng, sizes)
    most = np.linalg.norm(drawn[g]) * rng.choice([0.5, 1.5])
    return {**drawn, MOST: np.array(most), EPSILON: np.array(1e-6)}


_norm_of_g = apply("√", Sum(i, apply("²", g[i])))
CLIPPING = Graph("clipping", (D,), draw_gradient, (Definition(NORM, (), _norm_of_g),), ())

average = Symbol("w", (D,), "macron")
KEPT = Symbol("β")
"""The share of the old average that an update keeps."""
_kept = scalar(KEPT)


def draw_average(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a parameter, its average so far, and the share of it that is kept."""
    return {**normal(w, average)(rng, sizes), KEPT: np.array(rng.uniform(0.1, 0.9))}


AVERAGING = Graph("averaging", (D,), draw_average, (), ())

EQUATIONS = (
    Equation(
        "sgd.step",
        w[i],
        (w[i] - _eta * grad(w)[i],),
        SGD,
        Whole(w) - _eta * Whole(grad(w)),
        sign="←",
    ),
    Equation(
        "weight_decay.g",
        g[i],
        (grad(w)[i] + _decay * w[i],),
        SGD,
        Whole(grad(w)) + _decay * Whole(w),
    ),
    Equation("momentum.v", v_new[i], (_v_new,), SGD_MOMENTUM, _m * Whole(v) + Whole(g)),
    Equation(
        "momentum.step",
        w[i],
        (w[i] - _eta * v_new[i],),
        SGD_MOMENTUM,
        Whole(w) - _eta * Whole(v_new),
        sign="←",
    ),
    Equation(
        "nesterov.step",
        w[i],
        (w[i] - _eta * (g[i] + _m * v_new[i]),),
        SGD_NESTEROV,
        Whole(w) - _eta * (Whole(g) + _m * Whole(v_new)),
        sign="←",
    ),
    Equation("adam.m", mean_new[i], (_mean_new,), ADAM, _beta_1 * Whole(mean) + (1 - _beta_1) * Whole(g)),
    Equation(
        "adam.v",
        v_new[i],
        (_square_new,),
        ADAM,
        _beta_2 * Whole(v) + (1 - _beta_2) * apply("⊙", Whole(g), Whole(g)),
    ),
    Equation(
        "adam.step",
        w[i],
        (w[i] - _eta * _update,),
        ADAM,
        Whole(w) - _eta * _update_matrix,
        sign="←",
    ),
    Equation(
        "adamw.step",
        w[i],
        ((1 - _eta * _decay) * w[i] - _eta * _update,),
        ADAMW,
        (1 - _eta * _decay) * Whole(w) - _eta * _update_matrix,
        sign="←",
    ),
    Equation("clipping.norm", scalar(NORM), (_norm_of_g,), CLIPPING, apply("√", Whole(g).T @ Whole(g))),
    Equation("clipping.g", g[i], (_share * g[i],), CLIPPING, _share * Whole(g), sign="←"),
    Equation(
        "averaging.step",
        average[i],
        (_kept * average[i] + (1 - _kept) * w[i], average[i] + (1 - _kept) * (w[i] - average[i])),
        AVERAGING,
        _kept * Whole(average) + (1 - _kept) * Whole(w),
        sign="←",
    ),
)
