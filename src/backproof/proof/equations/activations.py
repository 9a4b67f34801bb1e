"""LeakyReLU, ReLU and softmax of a batch."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal
from backproof.proof.formula.index_form import Largest, Sum
from backproof.proof.formula.letters import SLOPE, B, C, a
from backproof.proof.formula.matrix_form import Whole, ones
from backproof.proof.formula.notation import Index, Name, Symbol, grad

ORDER = 3

s, i, j, k = Index("s", B), Index("i", C), Index("j", C), Index("k", C)
x, y, p = Symbol("x", (B, C)), Symbol("y", (B, C)), Symbol("p", (B, C))


def draw_with_slope(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw x, off the kink at zero where no derivative exists, and a slope."""
    drawn = normal(x)(rng, sizes)
    return {x: drawn[x] + np.copysign(0.1, drawn[x]), SLOPE: np.array(rng.uniform(0.01, 0.9))}


_leaky = apply("max", x[s, i]) + a * apply("min", x[s, i])
LEAKY_RELU = Graph("leaky_relu", (B, C), draw_with_slope, (Definition(y, (s, i), _leaky),), (y,))
RELU = Graph("relu", (B, C), draw_with_slope, (Definition(y, (s, i), apply("max", x[s, i])),), (y,))
_softmax = apply("exp", x[s, i]) / Sum(j, apply("exp", x[s, j]))
_shifted = x[s, i] - Largest(k, x[s, k])
_stable = apply("exp", _shifted) / Sum(j, apply("exp", x[s, j] - Largest(k, x[s, k])))
SOFTMAX = Graph("softmax", (B, C), normal(x), (Definition(p, (s, i), _softmax),), (p,))
_X, _P, _1 = Whole(x), Whole(p), ones(C)
_Gy, _Gp = Whole(grad(y)), Whole(grad(p))

EQUATIONS = (
    Equation("leaky_relu.y", y[s, i], (_leaky,), LEAKY_RELU, apply("max", _X) + a * apply("min", _X)),
    Equation(
        "leaky_relu.dx",
        grad(x)[s, i],
        (grad(y)[s, i] * apply("branch", x[s, i], 1, a),),
        LEAKY_RELU,
        apply("⊙", _Gy, apply("branch", _X, 1, a)),
    ),
    Equation("relu.y", y[s, i], (apply("max", x[s, i]),), RELU, apply("max", _X)),
    Equation(
        "relu.dx",
        grad(x)[s, i],
        (grad(y)[s, i] * apply("branch", x[s, i], 1, 0),),
        RELU,
        apply("⊙", _Gy, apply("branch", _X, 1, 0)),
    ),
    Equation(
        "softmax.p",
        p[s, i],
        (_softmax, _stable),
        SOFTMAX,
        apply("diag", apply("^(−1)", apply("exp", _X) @ _1)) @ apply("exp", _X),
    ),
    Equation(
        "softmax.dx",
        grad(x)[s, i],
        (p[s, i] * (grad(p)[s, i] - Sum(j, grad(p)[s, j] * p[s, j])),),
        SOFTMAX,
        apply("⊙", _P, _Gp - apply("⊙", _Gp, _P) @ _1 @ _1.T),
    ),
)
