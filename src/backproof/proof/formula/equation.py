"""An equation: its label, its left side, every step of its right side, and its matrix form."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from backproof.gradcheck.streams import generator
from backproof.proof.formula.expression import Array, Formula, Style, apply
from backproof.proof.formula.graph import Graph, Sample, shape
from backproof.proof.formula.index_form import evaluate, indices_in
from backproof.proof.formula.matrix_form import MatrixContext, Whole, as_matrix, from_matrix, names_in
from backproof.proof.formula.notation import Derivative, Entry, Index, Name

T = TypeVar("T")


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
    matrix_is_vec: bool = False
    """Whether the matrix form gives the left side's matrix as one column, vec(…)."""

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
        """Draw a sample.

        Sizes, inputs and upstream gradients each come from a stream of their own.
        """
        draw = partial(generator, seed, "proof", self.label, str(number))
        sizes = self.graph.draw_sizes(draw("sizes"), self.graph.sizes)
        return Sample(self.graph, sizes, draw("inputs"), draw("upstream"))

    def values(self, sample: Sample) -> list[Array]:
        """Evaluate every step, literally."""
        return [evaluate(step, self.indices, sample.sizes, sample) for step in self.steps]

    def matrix_value(self, sample: Sample) -> Array:
        """Evaluate the matrix form, in the shape of the left side's array (ValueError: it has another)."""
        name, value = self.left.name, self.matrix.value(MatrixContext(sample.sizes, sample))
        due = shape(name, sample.sizes)
        matrix_shape = (math.prod(due), 1) if self.matrix_is_vec else self._matrix_shape(due)
        if np.shape(value) != matrix_shape:
            raise ValueError(f"the matrix form of {self.label} has shape {np.shape(value)}")
        return from_matrix(name, value, due)

    def _matrix_shape(self, due: tuple[int, ...]) -> tuple[int, ...]:
        return np.shape(as_matrix(self.left.name, np.empty(due))) or (1, 1)

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
        whole = Whole(self.left.name)
        left = apply("vec", whole) if self.matrix_is_vec else whole
        return f"{left.write(style)} {sign} {self.matrix.write(style)}"


def _require_unlike(things: Iterable[T], written: Callable[[T], str]) -> None:
    """Refuse two things that are written alike."""
    meanings: dict[str, T] = {}
    for thing in things:
        if meanings.setdefault(written(thing), thing) != thing:
            raise ValueError(f"{written(thing)} means two things in one equation")
