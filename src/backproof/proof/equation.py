"""An equation: its label, what stands on the left, every step on the right, and its matrix form."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backproof.proof.formula import Array, Formula, Style
from backproof.proof.graph import Graph, Sample
from backproof.proof.index_form import evaluate
from backproof.proof.matrix_form import Matrices, Whole, as_matrix
from backproof.proof.notation import Derivative, Entry, Index

_LEAST_SIZE, _USUAL_SIZES = 2, 4


@dataclass(frozen=True)
class Equation:
    """left = step = … = step, in index form, and the same in matrix form."""

    label: str
    left: Entry
    steps: tuple[Formula, ...]
    """Each equal to the left side; the last is the result, as the code has it."""
    graph: Graph
    """The computation that the equation speaks of."""
    matrix: Formula | None = None
    sign: str = "="
    truth: Callable[[Sample], Array] | None = None
    """What the left side is, where that is neither a derivative in the graph nor torch's to say."""

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the left side."""
        return tuple(index for index in self.left.at if isinstance(index, Index))

    def sample(self, rng: np.random.Generator) -> Sample:
        """Draw a random point, no two sizes alike, so that an index in the wrong place cannot fit."""
        n = len(self.graph.sizes)
        sizes = rng.choice(max(n, _USUAL_SIZES), n, replace=False) + _LEAST_SIZE
        return Sample(self.graph, dict(zip(self.graph.sizes, sizes.tolist(), strict=True)), rng)

    def values(self, sample: Sample) -> list[Array]:
        """Evaluate every step, literally."""
        return [evaluate(step, self.indices, sample.sizes, sample) for step in self.steps]

    def matrix_value(self, sample: Sample) -> Array | None:
        """Evaluate the matrix form, if there is one."""
        return None if self.matrix is None else self.matrix.value(Matrices(sample.sizes, sample))

    def exact(self, sample: Sample) -> Array | None:
        """Return the left side by the complex step; None where the equation defines it."""
        if self.truth is not None:
            return self.truth(sample)
        return sample[self.left.name] if isinstance(self.left.name, Derivative) else None

    def write(self, style: Style) -> str:
        """Write the left side and the result."""
        return f"{self.left.write(style)} {self.sign} {self.steps[-1].write(style)}"

    def write_steps(self) -> str:
        """Write the left side and every step in Typst, a line each."""
        first, *others = (step.write("typst") for step in self.steps)
        sign = "arrow.l" if self.sign == "←" else self.sign
        lines = [f"{self.left.write('typst')} &{sign} {first}", *(f"&= {each}" for each in others)]
        return " \\ ".join(lines)

    def write_matrix(self) -> str | None:
        """Write the matrix form in Typst."""
        if self.matrix is None:
            return None
        sign = "arrow.l" if self.sign == "←" else self.sign
        return f"{Whole(self.left.name).write('typst')} {sign} {self.matrix.write('typst')}"

    def fits(self, matrix: Array, exact: Array) -> tuple[Array, Array]:
        """Return a matrix form's value, and the left side in its shape: ∂y/∂x has a row per entry of y."""
        of_two = isinstance(self.left.name, Derivative) and self.left.name.of is not None
        return matrix, np.reshape(exact if of_two else as_matrix(exact), np.shape(matrix))
