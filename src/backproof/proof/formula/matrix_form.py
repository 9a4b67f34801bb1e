"""Matrix form: vectors are columns; of images (B, C, H, V) each pixel is a row, each channel a column."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backproof.proof.formula.expression import ATOM, POWER, Array, Formula, Style
from backproof.proof.formula.notation import Arrays, Entry, Name, Size, has_superscript, subscript


@dataclass(frozen=True)
class MatrixContext:
    """What a matrix form is evaluated with: sizes, and arrays by name."""

    sizes: Mapping[Size, int]
    arrays: Arrays


def as_matrix(array: Array) -> Array:
    """View an array as matrix form has it; a scalar stays one."""
    if array.ndim == 1:
        return array[:, None]
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1]) if array.ndim == 4 else array


@dataclass(frozen=True)
class Whole(Formula):
    """A whole array."""

    name: Name

    def precedence(self, _style: Style) -> int:
        """Return a power's if it has a superscript."""
        return POWER if has_superscript(self.name) else ATOM

    def value(self, context: MatrixContext) -> Array:
        """Look it up."""
        return as_matrix(context.arrays[self.name])

    def write(self, style: Style) -> str:
        """Write its name."""
        return self.name.write_whole(style)


@dataclass(frozen=True)
class Ones(Formula):
    """A column of ones, as long as the product of the sizes."""

    sizes: tuple[Size, ...]

    def value(self, context: MatrixContext) -> Array:
        """Make it."""
        return np.ones((int(np.prod([context.sizes[size] for size in self.sizes])), 1))

    def write(self, style: Style) -> str:
        """Write 1 with its length below, bold where that can be."""
        sizes = tuple(size.write(style) for size in self.sizes)
        return ("1" if style == "plain" else "bold(1)") + subscript(style, sizes)


@dataclass(frozen=True)
class Identity(Formula):
    """The identity matrix."""

    size: Size

    def value(self, context: MatrixContext) -> Array:
        """Make it."""
        return np.eye(context.sizes[self.size])

    def write(self, style: Style) -> str:
        """Write I with its size below, bold where that can be."""
        return f"I_{self.size.write(style)}" if style == "plain" else f"bold(I)_({self.size.write(style)})"


def names_in(formula: Formula) -> list[Name]:
    """Name every array that a formula of either form looks up, each once, in order of appearance."""
    names = [formula.name] if isinstance(formula, Entry | Whole) else []
    for part in formula.parts():
        names += names_in(part)
    return list(dict.fromkeys(names))


def ones(*sizes: Size) -> Ones:
    """Return a column of ones, as long as the product of the sizes."""
    return Ones(sizes)
