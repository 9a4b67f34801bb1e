"""Index form, taken literally: every index is an axis, an entry is looked up, a sum adds up along its index.

Nothing is rearranged for speed, so what the report shows is what was computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backproof.proof.formula.expression import PRODUCT, SUM, Array, Formula, Style
from backproof.proof.formula.notation import Arrays, Index, Point, Size, below


@dataclass(frozen=True)
class First(Formula):
    """The first value of an index, which formulas call 1."""

    def value(self, at: Point) -> Array:
        """Return what arrays call it: 0."""
        return np.zeros((1,) * len(at.axes), int)

    def write(self, _style: Style) -> str:
        """Write 1."""
        return "1"


@dataclass(frozen=True)
class Delta(Formula):
    """Kronecker's delta: 1 where both indices are the same, else 0."""

    left: Formula
    right: Formula

    def value(self, at: Point) -> Array:
        """Compare the indices."""
        return np.asarray(self.left.value(at) == self.right.value(at), float)

    def write(self, style: Style) -> str:
        """Write δ_ij."""
        indices = self.left.write(style), self.right.write(style)
        return ("δ" if style == "plain" else "delta") + below(style, indices)


@dataclass(frozen=True)
class Sum(Formula):
    """A sum over an index, which reaches over the product to its right."""

    over: Index
    body: Formula
    level = SUM

    def value(self, at: Point) -> Array:
        """Add up along the index's axis."""
        body, axis = self.body.value(at), at.axes[self.over]
        shape = [1] * len(at.axes) if body.ndim == 0 else list(body.shape)
        shape[axis] = at.sizes[self.over.size]  # a body without the index counts once for each of its values
        return np.asarray(np.broadcast_to(body, shape).sum(axis, keepdims=True))

    def write(self, style: Style) -> str:
        """Write Σ_s …; in Typst one sign for sums right inside each other."""
        if style == "plain":
            return f"Σ_{self.over.letter} {self.body.within(style, SUM)}"
        letters, body = [self.over.letter], self.body
        while isinstance(body, Sum):
            letters.append(body.over.letter)
            body = body.body
        return f"sum_({', '.join(letters)}) {body.within(style, SUM)}"


@dataclass(frozen=True)
class Largest(Formula):
    """The maximum over an index, by real parts."""

    over: Index
    body: Formula
    level = SUM

    def value(self, at: Point) -> Array:
        """Take the maximum along the index's axis."""
        return np.asarray(self.body.value(at).real.max(at.axes[self.over], keepdims=True))

    def write(self, style: Style) -> str:
        """Write max_k …."""
        sign = f"max_{self.over.letter}" if style == "plain" else f"max_({self.over.letter})"
        return f"{sign} {self.body.within(style, PRODUCT)}"


def indices_in(formula: Formula) -> list[Index]:
    """Name every index in a formula, each once."""
    found = [formula] if isinstance(formula, Index) else []
    for part in formula.parts():
        found += indices_in(part)
    return list(dict.fromkeys(found))


def evaluate(formula: Formula, left: tuple[Index, ...], sizes: Mapping[Size, int], arrays: Arrays) -> Array:
    """Compute a right-hand side for all values of the indices on the left, one axis for each of them.

    An index that is neither on the left nor summed is a ValueError.
    """
    indices = list(dict.fromkeys([*left, *indices_in(formula)]))
    axes = {index: axis for axis, index in enumerate(indices)}
    value = formula.value(Point(sizes, arrays, axes))
    value = value.reshape((1,) * (len(indices) - value.ndim) + value.shape)
    for index, length in zip(indices[len(left) :], value.shape[len(left) :], strict=True):
        if length > 1:
            raise ValueError(f"{index.letter} is neither summed nor on the left of {formula.write('plain')}")
    shape = tuple(sizes[index.size] for index in left)
    return np.broadcast_to(value.reshape(value.shape[: len(left)]), shape)
