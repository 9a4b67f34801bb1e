"""Prove an equation: compare each of its forms, and the code, with a derivative from neither of them."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.errors import ConfigError
from backproof.gradcheck.derivatives import relative_error, taylor_order
from backproof.gradcheck.streams import generator
from backproof.proof.autograd import torch_value
from backproof.proof.code import CODE
from backproof.proof.docstring_labels import not_computing
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample, shape
from backproof.proof.formula.matrix_form import MatrixContext
from backproof.proof.formula.notation import Derivative
from backproof.proof.mutation.conformable import require_conformable
from backproof.proof.trace import trace
from backproof.proof.verdict import TOLERANCE, Proof

__all__ = [
    "SAMPLES",
    "TOLERANCE",
    "Proof",
    "Truth",
    "choose",
    "code_errors",
    "code_values",
    "matrix_error",
    "prove",
    "truths",
]
SAMPLES = 5
SEED = 20


def choose(labels: Sequence[str]) -> list[Equation]:
    """Find equations by label, or families by what is before the dot (ConfigError); all by default."""
    if not labels:
        return list(EQUATIONS.values())
    families = list(dict.fromkeys(label.partition(".")[0] for label in EQUATIONS))
    chosen: dict[str, Equation] = {}
    for name in labels:
        matching = {
            label: equation
            for label, equation in EQUATIONS.items()
            if name in (label, label.partition(".")[0])
        }
        if not matching:
            alike = {known.lower(): known for known in (*EQUATIONS, *families)}
            meant = alike.get(name.lower()) or "".join(difflib.get_close_matches(name, alike.values(), n=1))
            remedy = (
                f"did you mean '{meant}'?"
                if meant
                else f"families are {', '.join(families)}; prove lists all"
            )
            raise ConfigError(f"no equation '{name}'; {remedy}")
        chosen |= matching
    return list(chosen.values())


@dataclass(frozen=True)
class Truth:
    """A sample, and the value of an equation's left side there."""

    sample: Sample
    value: Array
    """What every form is compared with: the complex step's, else torch's."""
    torch: Array
    exact: Array | None
    """The complex step's."""


def truths(equation: Equation, samples: int = SAMPLES, seed: int = SEED) -> list[Truth]:
    """Return the left side's value at random samples, which seed and label decide."""
    return [_truth(equation, equation.sample(seed, number)) for number in range(samples)]


def _truth(equation: Equation, sample: Sample) -> Truth:
    torch, exact = torch_value(equation, sample), equation.exact(sample)
    return Truth(sample, torch if exact is None else exact, torch, exact)


def prove(equation: Equation, samples: int = SAMPLES, seed: int = SEED) -> Proof:
    """Compare every form of an equation, and the code with its label, with the truth at random samples."""
    known = truths(equation, samples, seed)
    # First, as derivatives that a sample computes when they are asked for would take long under a trace.
    steps = [(step, truth) for truth in known for step in equation.values(truth.sample)]
    traces = [trace(code_values(equation.label, truth.sample)) for truth in known]
    orders = [
        _order(
            equation,
            truth.sample,
            traced.values[0],
            generator(seed, "proof", equation.label, "direction", str(n)),
        )
        for n, (truth, traced) in enumerate(zip(known, traces, strict=True))
    ]
    codes = [
        _error(value, truth.value)
        for truth, traced in zip(known, traces, strict=True)
        for value in traced.values
    ]
    torches = [_error(truth.torch, truth.exact) for truth in known if truth.exact is not None]
    computing = frozenset[str]().union(*(traced.computing_functions for traced in traces))
    return Proof(
        equation,
        shapes=_shapes(equation, known[0].sample),
        index=max(relative_error(step, truth.value) for step, truth in steps),
        matrix=max(matrix_error(equation, truth) for truth in known),
        code=max(codes),
        torch=max(torches, default=None),
        order=min((order for order in orders if order is not None), default=None),
        not_computing=tuple(not_computing(equation.label, computing)),
    )


def matrix_error(equation: Equation, truth: Truth) -> float:
    """Return the relative error of a matrix form; where shapes do not fit, it is a ValueError."""
    require_conformable(equation.matrix, MatrixContext(truth.sample.sizes, truth.sample))
    return relative_error(equation.matrix_value(truth.sample), truth.value)


def code_errors(label: str, truth: Truth) -> Iterator[float]:
    """Yield the relative error of each array that the code computes under a label."""
    for value in code_values(label, truth.sample):
        yield _error(value, truth.value)


def code_values(label: str, sample: Sample) -> Iterator[Array]:
    """Yield each array that the code computes under a label."""
    computed: Any = CODE[label](sample)
    if isinstance(computed, Iterator):
        yield from computed
    else:
        yield computed


def _error(value: Array, truth: Array) -> float:
    """Compare; another shape than the truth's is infinitely wrong."""
    return relative_error(value, truth) if np.shape(value) == np.shape(truth) else float("inf")


def _order(equation: Equation, sample: Sample, gradient: Array, rng: np.random.Generator) -> float | None:
    """Return the order of the Taylor remainder along a random direction, with the code's gradient."""
    name = equation.left.name
    if not isinstance(name, Derivative) or name.of is not None or np.shape(gradient) != sample[name.by].shape:
        return None
    graph, by = equation.graph, sample[name.by]
    inputs = {symbol: array for symbol, array in sample.arrays.items() if symbol not in graph.defined}

    def loss(x: Array) -> float:
        arrays = graph.run(sample.sizes, inputs, {name.by: x})
        return float(sum(np.sum(up * arrays[symbol]) for symbol, up in sample.upstream.items()))

    return taylor_order(loss, by, gradient, rng.normal(size=by.shape))


def _shapes(equation: Equation, sample: Sample) -> str:
    """Write the shape of every array."""
    return "  ".join(
        f"{name.write('plain')} {'×'.join(map(str, shape(name, sample.sizes)))}"
        for name in equation.names
        if name.sizes
    )
