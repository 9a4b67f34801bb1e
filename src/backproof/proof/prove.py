"""The verdict on an equation: every form of it against a derivative that none of them wrote."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.errors import ConfigError
from backproof.gradcheck.derivatives import relative_error, taylor_order
from backproof.proof.code import numpy_code, one_sample_code, oracle, statistics_code, torch_code
from backproof.proof.code.layers import Layers
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample, shape
from backproof.proof.formula.matrix_form import Matrices
from backproof.proof.formula.notation import Derivative
from backproof.proof.mutation.conformable import require_conformable
from backproof.proof.verdict import TOLERANCE, Proof

__all__ = [
    "CODE",
    "SAMPLES",
    "TOLERANCE",
    "Proof",
    "Truth",
    "choose",
    "code_error",
    "matrix_error",
    "prove",
    "truths",
]
CODE = {**one_sample_code.CODE, **numpy_code.CODE, **torch_code.CODE, **statistics_code.CODE}
SAMPLES = 5
_SEED = 20


def choose(labels: Sequence[str]) -> list[Equation]:
    """Find equations by label, or families by what is before the dot (ConfigError); all by default."""
    if not labels:
        return list(EQUATIONS.values())
    families = list(dict.fromkeys(label.partition(".")[0] for label in EQUATIONS))
    found = []
    for label in labels:
        here = [each for each in EQUATIONS.values() if label in (each.label, each.label.partition(".")[0])]
        if not here:
            alike = {each.lower(): each for each in (*EQUATIONS, *families)}
            meant = alike.get(label.lower()) or "".join(difflib.get_close_matches(label, alike.values(), n=1))
            mend = (
                f"did you mean '{meant}'?"
                if meant
                else f"families are {', '.join(families)}; prove lists all"
            )
            raise ConfigError(f"no equation '{label}'; {mend}")
        found += here
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Truth:
    """A random point, and what an equation's left side is there."""

    sample: Sample
    value: Array
    """What every form is compared with: the complex step's, else torch's."""
    torch: Array
    exact: Array | None
    """The complex step's."""


def truths(equation: Equation, samples: int = SAMPLES, seed: int = _SEED) -> list[Truth]:
    """Find what an equation's left side is at random points, which seed and label decide."""
    rng = np.random.default_rng([seed, *equation.label.encode()])
    return [_truth(equation, equation.sample(rng)) for _ in range(samples)]


def _truth(equation: Equation, sample: Sample) -> Truth:
    torch, exact = oracle.says(equation, sample), equation.exact(sample)
    return Truth(sample, torch if exact is None else exact, torch, exact)


def prove(
    equation: Equation, layers: Layers | None = None, samples: int = SAMPLES, seed: int = _SEED
) -> Proof:
    """Prove an equation at random points; of the code as it is, unless other layers are given."""
    layers = layers or Layers()
    rng = np.random.default_rng(seed)
    proofs = [_at(equation, layers, truth, rng) for truth in truths(equation, samples, seed)]

    def worst(name: str) -> Any:
        errors = [getattr(proof, name) for proof in proofs]
        return None if errors[0] is None else max(errors)

    orders = [proof.order for proof in proofs if proof.order is not None]
    return replace(
        proofs[0],
        index=worst("index"),
        matrix=worst("matrix"),
        code=worst("code"),
        torch=worst("torch"),
        order=min(orders, default=None),
    )


def _at(equation: Equation, layers: Layers, truth: Truth, rng: np.random.Generator) -> Proof:
    sample = truth.sample
    codes = _codes(equation.label, layers, sample)
    return Proof(
        equation,
        shapes=_shapes(equation, sample),
        index=max(relative_error(value, truth.value) for value in equation.values(sample)),
        matrix=matrix_error(equation, truth),
        code=max(_error(value, truth.value) for value in codes),
        torch=None if truth.exact is None else _error(truth.torch, truth.exact),
        order=_order(equation, sample, codes[0], rng),
    )


def matrix_error(equation: Equation, truth: Truth) -> float:
    """Return the relative error of a matrix form; where shapes do not fit, it is a ValueError."""
    require_conformable(equation.matrix, Matrices(truth.sample.sizes, truth.sample))
    return relative_error(equation.matrix_value(truth.sample), truth.value)


def code_error(label: str, layers: Layers, truth: Truth) -> float:
    """Return the largest relative error of all that the code computes under a label."""
    return max(_error(value, truth.value) for value in _codes(label, layers, truth.sample))


def _codes(label: str, layers: Layers, sample: Sample) -> list[Array]:
    code = CODE[label](layers, sample)
    return code if isinstance(code, list) else [code]


def _error(value: Array, truth: Array) -> float:
    """Compare; another shape than the truth's is infinitely wrong."""
    return relative_error(value, truth) if np.shape(value) == np.shape(truth) else float("inf")


def _order(equation: Equation, sample: Sample, gradient: Array, rng: np.random.Generator) -> float | None:
    """Move along a random direction, and see how fast what the code's gradient leaves over vanishes."""
    name = equation.left.name
    if not isinstance(name, Derivative) or name.of is not None or np.shape(gradient) != sample[name.by].shape:
        return None
    graph, by = equation.graph, sample[name.by]
    inputs = {each: array for each, array in sample.arrays.items() if each not in graph.defined}

    def loss(moved: Array) -> float:
        arrays = graph.run(sample.sizes, inputs, {name.by: moved})
        return float(sum(np.sum(up * arrays[each]) for each, up in sample.upstream.items()))

    return taylor_order(loss, by, gradient, rng.normal(size=by.shape))


def _shapes(equation: Equation, sample: Sample) -> str:
    """Write the shape of every array."""
    return "  ".join(
        f"{name.write('plain')} {'×'.join(map(str, shape(name, sample.sizes)))}"
        for name in equation.names
        if name.sizes
    )
