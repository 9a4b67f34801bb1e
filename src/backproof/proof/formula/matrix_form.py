"""Matrix form: vectors are columns; of images (B, C, H, V) each pixel is a row, each channel a column.

A symbol may say otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backproof.proof.formula.expression import ATOM, POWER, Array, Formula, Style
from backproof.proof.formula.notation import (
    Arrays,
    Derivative,
    Entry,
    MatrixAxes,
    Name,
    Size,
    has_superscript,
    subscript,
)

_USUAL: dict[int, MatrixAxes] = {0: ((), ()), 1: ((0,), ()), 2: ((0,), (1,)), 4: ((0, 2, 3), (1,))}
"""Which axes are rows and which are columns, by how many there are."""


@dataclass(frozen=True)
class MatrixContext:
    """What a matrix form is evaluated with: sizes, and arrays by name."""

    sizes: Mapping[Size, int]
    arrays: Arrays


def matrix_axes(name: Name, n_axes: int) -> MatrixAxes:
    """Return which axes are the rows of an array's matrix, and which are its columns.

    ∂y/∂x has a row per entry of y, and a column per entry of x, both in the order of vec.
    """
    if isinstance(name, Derivative):
        if name.of is None:
            return matrix_axes(name.by, n_axes)
        n_above = len(name.of.sizes)
        above, below = _in_order(name.of, n_above), _in_order(name.by, n_axes - n_above)
        return above, tuple(n_above + axis for axis in below)
    return name.as_matrix or _USUAL[n_axes]


def _in_order(name: Name, n_axes: int) -> tuple[int, ...]:
    """Return the axes in the order of vec, which takes a matrix's rows one after the other."""
    rows, columns = matrix_axes(name, n_axes)
    return (*rows, *columns)


def as_matrix(name: Name, array: Array) -> Array:
    """View an array as matrix form has it; a scalar stays one.

    An axis that is both row and column makes a matrix of blocks along the diagonal, which is zero elsewhere.
    """
    if array.ndim == 0:
        return array
    rows, columns = matrix_axes(name, array.ndim)
    height = [array.shape[axis] for axis in rows]
    for axis in sorted({*rows} & {*columns}):
        n = array.shape[axis]
        diagonal = np.eye(n).reshape([n if each == axis else 1 for each in range(array.ndim)] + [n])
        columns = tuple(array.ndim if each == axis else each for each in columns)
        array = array[..., None] * diagonal
    return array.transpose(rows + columns).reshape(int(np.prod(height)), -1)


def from_matrix(name: Name, matrix: Array, shape: tuple[int, ...]) -> Array:
    """Undo ``as_matrix``, of a name without blocks."""
    axes = _in_order(name, len(shape))
    return matrix.reshape([shape[axis] for axis in axes]).transpose(np.argsort(axes).astype(int))


@dataclass(frozen=True)
class Whole(Formula):
    """A whole array."""

    name: Name

    def precedence(self, _style: Style) -> int:
        """Return a power's if it has a superscript."""
        return POWER if has_superscript(self.name) else ATOM

    def value(self, context: MatrixContext) -> Array:
        """Look it up."""
        return as_matrix(self.name, context.arrays[self.name])

    def write(self, style: Style) -> str:
        """Write its name."""
        return self.name.write_whole(style)


@dataclass(frozen=True)
class Ones(Formula):
    """A column of ones, as long as the product of the sizes."""

    sizes: tuple[Size, ...]

    def value(self, context: MatrixContext) -> Array:
        """Make it."""
        return np.ones((_product(self.sizes, context), 1))

    def write(self, style: Style) -> str:
        """Write 1 with its length below, bold where that can be."""
        return _with_sizes(style, "1", self.sizes)


@dataclass(frozen=True)
class Identity(Formula):
    """The identity matrix, as many rows as the product of the sizes."""

    sizes: tuple[Size, ...]

    def value(self, context: MatrixContext) -> Array:
        """Make it."""
        return np.eye(_product(self.sizes, context))

    def write(self, style: Style) -> str:
        """Write I with its size below, bold where that can be."""
        return _with_sizes(style, "I", self.sizes)


def _product(sizes: tuple[Size, ...], context: MatrixContext) -> int:
    return int(np.prod([context.sizes[size] for size in sizes]))


def _with_sizes(style: Style, letter: str, sizes: tuple[Size, ...]) -> str:
    written = subscript(style, tuple(size.write(style) for size in sizes))
    return (letter if style == "plain" else f"bold({letter})") + written


def names_in(formula: Formula) -> list[Name]:
    """Name every array that a formula of either form looks up, each once, in order of appearance."""
    names = [formula.name] if isinstance(formula, Entry | Whole) else []
    for part in formula.parts():
        names += names_in(part)
    return list(dict.fromkeys(names))


def ones(*sizes: Size) -> Ones:
    """Return a column of ones, as long as the product of the sizes."""
    return Ones(sizes)


def identity(*sizes: Size) -> Identity:
    """Return the identity matrix, as many rows as the product of the sizes."""
    return Identity(sizes)
