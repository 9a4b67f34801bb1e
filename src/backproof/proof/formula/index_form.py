"""Index form, taken literally: every index is an axis, an entry is looked up, a sum adds up along its index.

Nothing is rearranged for speed, so what the report shows is what was computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backproof.proof.formula.expression import PRODUCT, SUM, Array, Formula, Style
from backproof.proof.formula.notation import Arrays, Index, IndexContext, Size, subscript


@dataclass(frozen=True)
class First(Formula):
    """The first value of an index, which formulas call 1."""

    def value(self, context: IndexContext) -> Array:
        """Return what arrays call it: 0."""
        return np.zeros((1,) * len(context.axes), int)

    def write(self, _style: Style) -> str:
        """Write 1."""
        return "1"


@dataclass(frozen=True)
class Infinity(Formula):
    """What is larger than any number."""

    def value(self, _context: IndexContext) -> Array:
        """Return it."""
        return np.asarray(np.inf)

    def write(self, style: Style) -> str:
        """Write ∞."""
        return "∞" if style == "plain" else "oo"


@dataclass(frozen=True)
class Delta(Formula):
    """Kronecker's delta: 1 where both indices are the same, else 0; they may be computed, as in S h + p."""

    left: Formula
    right: Formula

    def value(self, context: IndexContext) -> Array:
        """Compare the indices."""
        return np.asarray(self.left.value(context) == self.right.value(context), float)

    def write(self, style: Style) -> str:
        """Write δ_ij."""
        indices = self.left.write(style), self.right.write(style)
        return ("δ" if style == "plain" else "delta") + subscript(style, indices)


@dataclass(frozen=True)
class Sum(Formula):
    """A sum over an index, which reaches over the product to its right."""

    over: Index
    body: Formula

    def precedence(self, _style: Style) -> int:
        """Return that of a sum."""
        return SUM

    def value(self, context: IndexContext) -> Array:
        """Add up along the index's axis."""
        body, axis = self.body.value(context), context.axes[self.over]
        shape = [1] * len(context.axes) if body.ndim == 0 else list(body.shape)
        # A body without the index counts once for every value of the index.
        shape[axis] = context.sizes[self.over.size]
        return np.asarray(np.broadcast_to(body, shape).sum(axis, keepdims=True))

    def write(self, style: Style) -> str:
        """Write Σ_s …; in Typst one sign for sums right inside each other."""
        if style == "plain":
            return f"Σ_{self.over.letter} {self.body.write_operand(style, SUM)}"
        letters, body = [self.over.letter], self.body
        while isinstance(body, Sum):
            letters.append(body.over.letter)
            body = body.body
        return f"sum_({', '.join(letters)}) {body.write_operand(style, SUM)}"


@dataclass(frozen=True)
class Largest(Formula):
    """The maximum over an index, by real parts."""

    over: Index
    body: Formula

    def precedence(self, _style: Style) -> int:
        """Return that of a sum."""
        return SUM

    def value(self, context: IndexContext) -> Array:
        """Take the maximum along the index's axis."""
        return np.asarray(self.body.value(context).real.max(context.axes[self.over], keepdims=True))

    def write(self, style: Style) -> str:
        """Write max_k …."""
        sign = f"max_{self.over.letter}" if style == "plain" else f"max_({self.over.letter})"
        return f"{sign} {self.body.write_operand(style, PRODUCT)}"


@dataclass(frozen=True)
class Hardmax(Formula):
    """1 where an expression is the largest for all values of some indices, the first of them, else 0.

    The indices are not bound by it: it is asked of each of their values. Their order is that of the values,
    the last index moves first.
    """

    over: tuple[Index, ...]
    body: Formula

    def value(self, context: IndexContext) -> Array:
        """Find the first largest along all the indices' axes together, by real parts."""
        axes = [context.axes[index] for index in self.over]
        body = self.body.value(context).real
        shape = list(body.shape)
        for index, axis in zip(self.over, axes, strict=True):
            shape[axis] = context.sizes[index.size]
        last = range(-len(axes), 0)
        parted = np.moveaxis(np.broadcast_to(body, shape), axes, last)
        rows = parted.reshape(-1, np.prod(parted.shape[-len(axes) :], dtype=int))
        found = np.zeros(rows.shape)
        found[np.arange(len(rows)), rows.argmax(axis=1)] = 1
        return np.moveaxis(found.reshape(parted.shape), last, axes)

    def write(self, style: Style) -> str:
        """Write hardmax_gu (…)."""
        letters = [index.letter for index in self.over]
        if style == "plain":
            return f"hardmax_{''.join(letters)}({self.body.write(style)})"
        return f'upright("hardmax")_({", ".join(letters)}) ({self.body.write(style)})'


def sum_over(indices: tuple[Index, ...], body: Formula) -> Formula:
    """Sum over several indices, the first outermost."""
    for index in reversed(indices):
        body = Sum(index, body)
    return body


def indices_in(formula: Formula) -> list[Index]:
    """Name every index in a formula, each once."""
    indices = [formula] if isinstance(formula, Index) else []
    for part in formula.parts():
        indices += indices_in(part)
    return list(dict.fromkeys(indices))


def evaluate(formula: Formula, left: tuple[Index, ...], sizes: Mapping[Size, int], arrays: Arrays) -> Array:
    """Compute a right-hand side for all values of the indices on the left, one axis for each of them.

    An index that is neither on the left nor summed is a ValueError.
    """
    indices = list(dict.fromkeys([*left, *indices_in(formula)]))
    axes = {index: axis for axis, index in enumerate(indices)}
    value = formula.value(IndexContext(sizes, arrays, axes))
    value = value.reshape((1,) * (len(indices) - value.ndim) + value.shape)
    for index, length in zip(indices[len(left) :], value.shape[len(left) :], strict=True):
        if length > 1:
            raise ValueError(f"{index.letter} is neither summed nor on the left of {formula.write('plain')}")
    shape = tuple(sizes[index.size] for index in left)
    return np.broadcast_to(value.reshape(value.shape[: len(left)]), shape)
