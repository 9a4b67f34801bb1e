"""Dropout, with the choice of what is kept given."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, apply
from backproof.proof.formula.graph import Definition, Graph, Sizes, normal, shape
from backproof.proof.formula.letters import B, C
from backproof.proof.formula.matrix_form import Whole
from backproof.proof.formula.notation import Index, Name, Symbol, grad, scalar

ORDER = 11

s, i = Index("s", B), Index("i", C)
x, y = Symbol("x", (B, C)), Symbol("y", (B, C))
kept = Symbol("k", (B, C))
"""1 for what is kept, 0 for what is dropped."""
FRACTION = Symbol("f")
"""How much is dropped, of 1."""


def draw(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw x, a fraction, and what is kept: something of it is, and something is not."""
    choice = rng.permutation(np.arange(np.prod(shape(kept, sizes))) % 3 > 0)
    fraction = np.array(rng.uniform(0.2, 0.7))
    return {**normal(x)(rng, sizes), kept: choice.reshape(shape(kept, sizes)) * 1.0, FRACTION: fraction}


_share = 1 - scalar(FRACTION)
_y = kept[s, i] * (x[s, i] / _share)
DROPOUT = Graph("dropout", (B, C), draw, (Definition(y, (s, i), _y),), (y,))

EQUATIONS = (
    Equation("dropout.y", y[s, i], (_y,), DROPOUT, apply("⊙", Whole(kept), Whole(x) / _share)),
    Equation(
        "dropout.dx",
        grad(x)[s, i],
        (kept[s, i] * (grad(y)[s, i] / _share),),
        DROPOUT,
        apply("⊙", Whole(kept), Whole(grad(y)) / _share),
    ),
)
