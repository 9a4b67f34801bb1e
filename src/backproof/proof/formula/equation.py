"""An equation: its label, its left side, every step of its right side, and its matrix form."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from backproof.gradcheck.streams import generator
from backproof.proof.formula.expression import Array, Formula, Style
from backproof.proof.formula.graph import Graph, Sample, shape
from backproof.proof.formula.index_form import evaluate, indices_in
from backproof.proof.formula.matrix_form import MatrixContext, Whole, as_matrix, names_in
from backproof.proof.formula.notation import Derivative, Entry, Index, Name

T = TypeVar("T")
_LEAST_SIZE, _USUAL_SIZES = 2, 4


@dataclass(frozen=True)
class Equation:
    """left = step = … = step, in index form, and the same in matrix form."""

    label: str
    left: Entry
    steps: tuple[Formula, ...]
    """Each equal to the left side; the last is the result, as the code has it."""
    graph: Graph
    """The computation that the equation is about."""
    matrix: Formula
    sign: str = "="
    truth: Callable[[Sample], Array] | None = None
    """Computes the left side, where that is neither a derivative in the graph nor defined by the equation."""

    def __post_init__(self) -> None:
        """Refuse two meanings of one letter (ValueError)."""
        for step in self.steps:
            _require_unlike([*self.indices, *indices_in(step)], lambda index: index.letter)
        _require_unlike(self.names, lambda name: name.write("plain"))
        _require_unlike(self.names, lambda name: name.write_whole("typst"))

    @property
    def names(self) -> list[Name]:
        """Every array of its two sides and its matrix form, each once."""
        formulas = (self.left, *self.steps, self.matrix)
        return list(dict.fromkeys(name for formula in formulas for name in names_in(formula)))

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the left side."""
        return tuple(index for index in self.left.indices if isinstance(index, Index))

    def sample(self, seed: int, number: int = 0) -> Sample:
        """Draw a sample, no two sizes alike, so that an index in the wrong place cannot fit.

        Sizes, inputs and upstream gradients each come from a stream of their own.
        """
        draw = partial(generator, seed, "proof", self.label, str(number))
        n = len(self.graph.sizes)
        sizes = draw("sizes").choice(max(n, _USUAL_SIZES), n, replace=False) + _LEAST_SIZE
        by_size = dict(zip(self.graph.sizes, sizes.tolist(), strict=True))
        return Sample(self.graph, by_size, draw("inputs"), draw("upstream"))

    def values(self, sample: Sample) -> list[Array]:
        """Evaluate every step, literally."""
        return [evaluate(step, self.indices, sample.sizes, sample) for step in self.steps]

    def matrix_value(self, sample: Sample) -> Array:
        """Evaluate the matrix form, in the shape of the left side's array (ValueError: it has another)."""
        value, due = (
            self.matrix.value(MatrixContext(sample.sizes, sample)),
            shape(self.left.name, sample.sizes),
        )
        if np.shape(value) != self._matrix_shape(due):
            raise ValueError(f"the matrix form of {self.label} has shape {np.shape(value)}")
        if len(due) == 4 and not self._of_two:
            return np.moveaxis(value.reshape(*(due[axis] for axis in (0, 2, 3, 1))), -1, 1)
        return value.reshape(due)

    @property
    def _of_two(self) -> bool:
        return isinstance(self.left.name, Derivative) and self.left.name.of is not None

    def _matrix_shape(self, due: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of matrices: ∂y/∂x has a row per entry of y, and a column per entry of x."""
        name = self.left.name
        if isinstance(name, Derivative) and name.of is not None:
            rows = due[: len(name.of.sizes)]
            return math.prod(rows), math.prod(due[len(rows) :])
        return np.shape(as_matrix(np.empty(due))) or (1, 1)

    def exact(self, sample: Sample) -> Array | None:
        """Return the left side by the complex step; None where the equation defines it."""
        if self.truth is not None:
            return self.truth(sample)
        return sample[self.left.name] if isinstance(self.left.name, Derivative) else None

    def write(self, style: Style) -> str:
        """Write the left side and the result."""
        return f"{self.left.write(style)} {self.sign} {self.steps[-1].write(style)}"

    def write_in_words(self) -> str:
        """Write the left side and every step as plain text, for those who cannot see them set."""
        steps = " = ".join(step.write("plain") for step in self.steps)
        return f"{self.left.write('plain')} {self.sign} {steps}"

    def write_steps(self) -> str:
        """Write the left side and every step in Typst, a line each."""
        first, *others = (step.write("typst") for step in self.steps)
        sign = "arrow.l" if self.sign == "←" else self.sign
        lines = [f"{self.left.write('typst')} &{sign} {first}", *(f"&= {step}" for step in others)]
        return " \\ ".join(lines)

    def write_matrix(self, style: Style) -> str:
        """Write the matrix form."""
        sign = "arrow.l" if (self.sign, style) == ("←", "typst") else self.sign
        return f"{Whole(self.left.name).write(style)} {sign} {self.matrix.write(style)}"


def _require_unlike(things: Iterable[T], written: Callable[[T], str]) -> None:
    """Refuse two things that are written alike."""
    meanings: dict[str, T] = {}
    for thing in things:
        if meanings.setdefault(written(thing), thing) != thing:
            raise ValueError(f"{written(thing)} means two things in one equation")
