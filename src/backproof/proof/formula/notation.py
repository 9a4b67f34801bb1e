"""What equations are made of: sizes, indices, symbols and derivatives, and how each is written."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from backproof.proof.formula.expression import ATOM, POWER, Array, Formula, Style

_SUPERSCRIPT = str.maketrans("0123456789+-−()lN′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ˡᴺ′")
_ACCENTS = {"": "", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307", "macron": "\u0304"}
_SPELLED = {
    "β": "beta", "β_1": "beta_(1)", "β_2": "beta_(2)", "γ": "gamma", "ε": "epsilon", "η": "eta",
    "θ": "theta", "λ": "lambda", "μ": "mu", "ρ": "rho", "σ": "sigma", "ℓ": "ell",
}  # fmt: skip


@dataclass(frozen=True)
class Size(Formula):
    """A whole number that a sample is drawn with: how many values an index takes, such as B for the samples
    of a batch, or how a window moves, such as its stride S.
    """

    letter: str
    subscript: str = ""

    def value(self, context: "IndexContext") -> Array:
        """Return how many there are."""
        return np.asarray(float(context.sizes[self]))

    def write(self, style: Style) -> str:
        """Write the size's name."""
        if not self.subscript:
            return self.letter
        return f"{self.letter}_({self.subscript})" if style == "typst" else f"{self.letter}_{self.subscript}"


@dataclass(frozen=True)
class Index(Formula):
    """An index, from 0 to its size − 1."""

    letter: str
    size: Size

    def value(self, context: "IndexContext") -> Array:
        """Return its values along its own axis."""
        shape = [1] * len(context.axes)
        shape[context.axes[self]] = -1
        return np.arange(context.sizes[self.size]).reshape(shape)

    def write(self, _style: Style) -> str:
        """Write its letter."""
        return self.letter


class Indexed:
    """What ``name[s, i]`` makes of a name: its entry."""

    def __getitem__(self, indices: Formula | tuple[Formula, ...]) -> "Entry":
        assert isinstance(self, Symbol | Derivative)
        return Entry(self, indices if isinstance(indices, tuple) else (indices,))


MatrixAxes = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Symbol(Indexed):
    """A quantity with one entry for each combination of its indices' values; a scalar has no sizes."""

    letter: str
    sizes: tuple[Size, ...] = ()
    accent: str = ""
    superscript: str = ""
    """A layer's number, or the 2 of σ²."""
    as_matrix: MatrixAxes | None = None
    """Which axes are the rows of its matrix, and which are the columns, where that is not as usual."""

    def write(self, style: Style, subscripts: tuple[str, ...] = ()) -> str:
        """Write one entry, the indices as they are already written; or the name alone."""
        return self._write(style, self.letter, subscripts)

    def write_whole(self, style: Style) -> str:
        """Write the whole array: bold in Typst, and a matrix in capitals, but for Greek ones: Μ is no μ."""
        letter = self.letter.upper() if len(self.sizes) > 1 and self.letter.isascii() else self.letter
        return self._write(style, letter, (), bold=bool(self.sizes))

    def _write(self, style: Style, letter: str, subscripts: tuple[str, ...], *, bold: bool = False) -> str:
        if style == "plain":
            name = unicodedata.normalize("NFC", letter + _ACCENTS[self.accent])
            return name + self.superscript.translate(_SUPERSCRIPT) + subscript(style, subscripts)
        name = _SPELLED.get(letter, letter)
        name = f"bold({name})" if bold else name
        name = f"{self.accent}({name})" if self.accent else name
        return name + subscript(style, subscripts) + (f"^({self.superscript})" if self.superscript else "")


@dataclass(frozen=True)
class Derivative(Indexed):
    """∂of/∂by, whose indices are those of both; without ``of``, the loss's gradient ∂L/∂by."""

    by: Symbol
    of: Symbol | None = None

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Of both, those of ``of`` first."""
        return (self.of.sizes if self.of else ()) + self.by.sizes

    def write(self, style: Style, subscripts: tuple[str, ...] = ()) -> str:
        """Write one entry."""
        n_above = len(self.of.sizes) if self.of else 0
        above = self.of.write(style, subscripts[:n_above]) if self.of else "L"
        return self._fraction(style, above, self.by.write(style, subscripts[n_above:]))

    def write_whole(self, style: Style) -> str:
        """Write the whole array."""
        return self._fraction(
            style, self.of.write_whole(style) if self.of else "L", self.by.write_whole(style)
        )

    def write_in_line(self) -> str:
        """Write the whole array in Typst, without a fraction's height."""
        above = self.of.write_whole("typst") if self.of else "L"
        return f"partial {above} slash partial {self.by.write_whole('typst')}"

    def _fraction(self, style: Style, above: str, below: str) -> str:
        return f"∂{above}/∂{below}" if style == "plain" else f"(partial {above})/(partial {below})"


Name = Symbol | Derivative


class Arrays(Protocol):
    """Arrays by name."""

    def __getitem__(self, name: Name, /) -> Array:
        """Look one up."""


@dataclass(frozen=True)
class IndexContext:
    """What an index form is evaluated with: sizes, arrays by name, and each index's own axis."""

    sizes: Mapping[Size, int]
    arrays: Arrays
    axes: Mapping[Index, int]


@dataclass(frozen=True)
class Entry(Formula):
    """An entry of an array.

    An index may itself be an entry of whole numbers, as in x_{s c_s}, or be computed, as in x_{s, K − 1 − p}.
    """

    name: Name
    indices: tuple[Formula, ...] = ()

    def precedence(self, _style: Style) -> int:
        """Return a power's if it has a superscript."""
        return POWER if has_superscript(self.name) else ATOM

    def value(self, context: IndexContext) -> Array:
        """Look the entries up."""
        array = context.arrays[self.name]
        if len(self.indices) != array.ndim:
            raise ValueError(f"{self.write('plain')} has {len(self.indices)} indices for {array.ndim} axes")
        for index, size in zip(self.indices, self.name.sizes, strict=True):
            if isinstance(index, Index) and index.size != size:
                raise ValueError(
                    f"{self.write('plain')}: {index.letter} does not count {size.write('plain')}"
                )
        places = [index.value(context) for index in self.indices]
        for place, length in zip(places, array.shape, strict=True):
            if place.min() < 0 or place.max() >= length:  # NumPy would count from the end
                raise ValueError(f"{self.write('plain')} lies outside of the array")
        return np.asarray(array[tuple(place.astype(int) for place in places)])

    def write(self, style: Style) -> str:
        """Write the name with its indices."""
        return self.name.write(style, tuple(index.write(style) for index in self.indices))


def has_superscript(name: Name) -> bool:
    """Tell whether a name has a superscript, or is a fraction: a power of it needs brackets."""
    return isinstance(name, Derivative) or bool(name.superscript)


def grad(by: Symbol) -> Derivative:
    """Return ∂L/∂by."""
    return Derivative(by)


def scalar(name: Name) -> Entry:
    """Return a name without indices as a formula."""
    return Entry(name)


def subscript(style: Style, subscripts: tuple[str, ...]) -> str:
    """Write indices at the lower right: letters side by side, anything longer in braces.

    Where one of them is computed, such as S h + p, commas part them.
    """
    if not subscripts:
        return ""
    parted = (", " if any(" " in each for each in subscripts) else " ").join(subscripts)
    if style == "typst":
        return f"_({parted})"
    together = "".join(subscripts)
    return f"_{together}" if len(together) == len(subscripts) else f"_{{{parted}}}"
