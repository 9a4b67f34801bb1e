"""The optimizer's rule."""

import numpy as np

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Graph, Sizes, normal
from backproof.proof.formula.letters import D
from backproof.proof.formula.matrix_form import Whole
from backproof.proof.formula.notation import Index, Name, Symbol, grad, scalar

ORDER = 5

i = Index("i", D)
w = Symbol("w", (D,))
ETA = Symbol("η")
"""The learning rate."""


def draw(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
    """Draw a parameter and a learning rate."""
    return {**normal(w)(rng, sizes), ETA: np.array(rng.uniform(0.1, 1))}


SGD = Graph("sgd", (D,), draw, (), (w,))
_eta = scalar(ETA)

EQUATIONS = (
    Equation(
        "sgd.step",
        w[i],
        (w[i] - _eta * grad(w)[i],),
        SGD,
        Whole(w) - _eta * Whole(grad(w)),
        sign="←",
    ),
)
