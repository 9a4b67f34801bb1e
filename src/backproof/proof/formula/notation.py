"""What equations are made of: sizes, indices, symbols and derivatives, and how each is written."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from backproof.proof.formula.expression import ATOM, POWER, Array, Formula, Style

_RAISED = str.maketrans("0123456789+-−()lN′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ˡᴺ′")
_ACCENTS = {"": "", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307", "macron": "\u0304"}
_SPELLED = {
    "β": "beta", "γ": "gamma", "ε": "epsilon", "η": "eta", "μ": "mu", "σ": "sigma", "ℓ": "ell",
}  # fmt: skip


@dataclass(frozen=True)
class Size(Formula):
    """How many values an index takes, such as B for the samples of a batch; in a formula, that number."""

    letter: str
    lowered: str = ""

    def value(self, at: "Point") -> Array:
        """Return how many there are."""
        return np.asarray(float(at.sizes[self]))

    def write(self, style: Style) -> str:
        """Write the size's name."""
        if not self.lowered:
            return self.letter
        return f"{self.letter}_({self.lowered})" if style == "typst" else f"{self.letter}_{self.lowered}"


@dataclass(frozen=True)
class Index(Formula):
    """An index, from 0 to its size − 1."""

    letter: str
    size: Size

    def value(self, at: "Point") -> Array:
        """Return its values along its own axis."""
        shape = [1] * len(at.axes)
        shape[at.axes[self]] = -1
        return np.arange(at.sizes[self.size]).reshape(shape)

    def write(self, _style: Style) -> str:
        """Write its letter."""
        return self.letter


class Indexed:
    """What ``name[s, i]`` makes of a name: its entry."""

    def __getitem__(self, at: Formula | tuple[Formula, ...]) -> "Entry":
        assert isinstance(self, Symbol | Derivative)
        return Entry(self, at if isinstance(at, tuple) else (at,))


@dataclass(frozen=True)
class Symbol(Indexed):
    """A quantity with one entry for each combination of its indices' values; a scalar has no sizes."""

    letter: str
    sizes: tuple[Size, ...] = ()
    accent: str = ""
    raised: str = ""
    """What stands at the upper right: a layer's number, or the 2 of σ²."""

    def write(self, style: Style, lowered: tuple[str, ...] = ()) -> str:
        """Write one entry, the indices as they are already written; or the name alone."""
        return self._write(style, self.letter, lowered)

    def write_whole(self, style: Style) -> str:
        """Write the whole array: bold in Typst, and a matrix in capitals, but for Greek ones: Μ is no μ."""
        letter = self.letter.upper() if len(self.sizes) > 1 and self.letter.isascii() else self.letter
        return self._write(style, letter, (), bold=bool(self.sizes))

    def _write(self, style: Style, letter: str, lowered: tuple[str, ...], *, bold: bool = False) -> str:
        if style == "plain":
            name = unicodedata.normalize("NFC", letter + _ACCENTS[self.accent])
            return name + self.raised.translate(_RAISED) + below(style, lowered)
        name = _SPELLED.get(letter, letter)
        name = f"bold({name})" if bold else name
        name = f"{self.accent}({name})" if self.accent else name
        return name + below(style, lowered) + (f"^({self.raised})" if self.raised else "")


@dataclass(frozen=True)
class Derivative(Indexed):
    """∂of/∂by, whose indices are those of both; without ``of``, the loss's gradient ∂L/∂by."""

    by: Symbol
    of: Symbol | None = None

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Of both, those of ``of`` first."""
        return (self.of.sizes if self.of else ()) + self.by.sizes

    def write(self, style: Style, lowered: tuple[str, ...] = ()) -> str:
        """Write one entry."""
        n_above = len(self.of.sizes) if self.of else 0
        above = self.of.write(style, lowered[:n_above]) if self.of else "L"
        return self._fraction(style, above, self.by.write(style, lowered[n_above:]))

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
class Point:
    """Where an index form is evaluated: sizes, arrays by name, and each index's own axis."""

    sizes: Mapping[Size, int]
    arrays: Arrays
    axes: Mapping[Index, int]


@dataclass(frozen=True)
class Entry(Formula):
    """An entry of an array; an index may itself be an entry of whole numbers, as in x_{s c_s}."""

    name: Name
    at: tuple[Formula, ...] = ()

    def holds(self, _style: Style) -> int:
        """Hold together less where something stands above already."""
        return POWER if raised(self.name) else ATOM

    def value(self, at: Point) -> Array:
        """Look the entries up."""
        array = at.arrays[self.name]
        if len(self.at) != array.ndim:
            raise ValueError(f"{self.write('plain')} has {len(self.at)} indices for {array.ndim} axes")
        for index, size in zip(self.at, self.name.sizes, strict=True):
            if isinstance(index, Index) and index.size != size:
                raise ValueError(
                    f"{self.write('plain')}: {index.letter} does not count {size.write('plain')}"
                )
        return np.asarray(array[tuple(index.value(at) for index in self.at)])

    def write(self, style: Style) -> str:
        """Write the name with its indices."""
        return self.name.write(style, tuple(index.write(style) for index in self.at))


def raised(name: Name) -> bool:
    """Tell whether something stands above a name, so that no second thing may."""
    return isinstance(name, Derivative) or bool(name.raised)


def grad(by: Symbol) -> Derivative:
    """Return ∂L/∂by."""
    return Derivative(by)


def scalar(name: Name) -> Entry:
    """Return a name without indices as a formula."""
    return Entry(name)


def below(style: Style, lowered: tuple[str, ...]) -> str:
    """Write indices at the lower right: letters side by side, and anything longer in braces."""
    if not lowered:
        return ""
    if style == "typst":
        return f"_({' '.join(lowered)})"
    together = "".join(lowered)
    if len(together) == len(lowered):
        return f"_{together}"
    return f"_{{{' '.join(lowered)}}}"
