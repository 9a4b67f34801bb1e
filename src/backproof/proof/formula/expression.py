"""Formulas as expression trees, which are evaluated and written as text.

A formula is evaluated in a *context*, which gives names their arrays, and written in a *style*: plain text or
Typst's math. The leaves are those of index form (index_form.py) or of matrix form (matrix_form.py); this
file has the arithmetic that both share. Names and indices are in notation.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Style = Literal["plain", "typst"]
TERMS, NEGATIVE, CIRCLED, SUM, PRODUCT, POWER, ATOM = range(7)
"""Precedence, the lowest first: x + y, −x, x ⊙ y, Σ_i x_i, x y, x², and x."""


@dataclass(frozen=True)
class Formula(ABC):
    """A formula; ``+ - * /`` and unary minus put formulas together, whole numbers among them."""

    @abstractmethod
    def value(self, context: Any) -> Array:
        """Compute it."""

    @abstractmethod
    def write(self, style: Style) -> str:
        """Write it."""

    def precedence(self, _style: Style) -> int:
        """Return how tightly it binds, from TERMS to ATOM."""
        return ATOM

    def write_operand(self, style: Style, precedence: int) -> str:
        """Write it as an operand, in brackets if its precedence is lower than this one."""
        text = self.write(style)
        return f"({text})" if self.precedence(style) < precedence else text

    def parts(self) -> "Iterator[Formula]":
        """Yield the formulas that it is made of."""
        for field in fields(self):
            value = getattr(self, field.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Formula):
                    yield part

    def __add__(self, other: "Formula | int") -> "Formula":
        return Operation("+", (self, as_formula(other)))

    def __radd__(self, other: int) -> "Formula":
        return Operation("+", (as_formula(other), self))

    def __sub__(self, other: "Formula | int") -> "Formula":
        return Operation("−", (self, as_formula(other)))

    def __rsub__(self, other: int) -> "Formula":
        return Operation("−", (as_formula(other), self))

    def __mul__(self, other: "Formula | int") -> "Formula":
        return Operation("·", (self, as_formula(other)))

    def __rmul__(self, other: int) -> "Formula":
        return Operation("·", (as_formula(other), self))

    def __truediv__(self, other: "Formula | int") -> "Formula":
        return Operation("/", (self, as_formula(other)))

    def __rtruediv__(self, other: int) -> "Formula":
        return Operation("/", (as_formula(other), self))

    def __matmul__(self, other: "Formula") -> "Formula":
        return Operation("@", (self, other))

    @property
    def T(self) -> "Formula":
        """The transpose."""
        return Operation("T", (self,))

    def __neg__(self) -> "Formula":
        return Operation("neg", (self,))


@dataclass(frozen=True)
class Number(Formula):
    """A whole number."""

    number: int

    def value(self, _context: Any) -> Array:
        """Return the number."""
        return np.asarray(self.number)

    def write(self, _style: Style) -> str:
        """Write its digits."""
        return str(self.number)

    def precedence(self, _style: Style) -> int:
        """Return that of −x below zero."""
        return NEGATIVE if self.number < 0 else ATOM


def as_formula(value: Formula | int) -> Formula:
    """Return a formula, of a whole number too."""
    return value if isinstance(value, Formula) else Number(value)


class Operator(NamedTuple):
    """What an operation computes, and how it is written: {} stands for an operand."""

    compute: Callable[..., Any]
    plain: str
    typst: str
    precedence: int
    operands: tuple[int, ...]
    """The precedence below which each operand gets brackets."""
    operands_typst: tuple[int, ...] | None = None
    """The same in Typst, where a fraction's bar is its bracket."""
    precedence_typst: int | None = None


def _positive_part(x: Array) -> Array:
    return np.where(x.real > 0, x, 0)


def _negative_part(x: Array) -> Array:
    return np.where(x.real > 0, 0, x)


def _at_most_one(x: Array) -> Array:
    return np.where(x.real < 1, x, 1)


def _diagonal(column: Array) -> Array:
    return np.diagflat(column)


def _branch(sign: Array, then: Array, otherwise: Array) -> Array:
    return np.where(sign.real > 0, then, otherwise)


OPERATORS = {
    "+": Operator(np.add, "{} + {}", "{} + {}", TERMS, (TERMS, CIRCLED)),
    "−": Operator(np.subtract, "{} − {}", "{} - {}", TERMS, (TERMS, CIRCLED)),
    "·": Operator(np.multiply, "{} {}", "{} {}", PRODUCT, (PRODUCT, CIRCLED)),
    "/": Operator(np.divide, "{}/{}", "({})/({})", SUM, (POWER, POWER), (TERMS, TERMS), PRODUCT),
    "neg": Operator(np.negative, "−{}", "-{}", NEGATIVE, (CIRCLED,)),
    "@": Operator(np.matmul, "{} {}", "{} {}", PRODUCT, (PRODUCT, PRODUCT)),
    "T": Operator(np.transpose, "{}ᵀ", "{}^top", POWER, (ATOM,)),
    "⊙": Operator(np.multiply, "{} ⊙ {}", "{} ⊙ {}", CIRCLED, (PRODUCT, PRODUCT)),
    "⊘": Operator(np.divide, "{} ⊘ {}", "{} ⊘ {}", CIRCLED, (PRODUCT, PRODUCT)),
    "⊗": Operator(np.kron, "{} ⊗ {}", "{} ⊗ {}", CIRCLED, (PRODUCT, PRODUCT)),
    "vec": Operator(lambda x: x.reshape(-1, 1), "vec({})", 'upright("vec")({})', ATOM, (TERMS,)),
    "diag": Operator(_diagonal, "diag({})", 'upright("diag")({})', ATOM, (TERMS,)),
    "exp": Operator(np.exp, "exp({})", "exp({})", ATOM, (TERMS,)),
    "log": Operator(np.log, "log({})", "log({})", ATOM, (TERMS,)),
    "√": Operator(np.sqrt, "√({})", "sqrt({})", ATOM, (TERMS,)),
    "²": Operator(np.square, "{}²", "{}^2", POWER, (ATOM,)),
    "^(−1)": Operator(lambda x: 1 / x, "{}⁻¹", "{}^(-1)", POWER, (ATOM,)),
    "^(−1/2)": Operator(lambda x: x**-0.5, "{}^(−1/2)", "{}^(-1\\/2)", POWER, (ATOM,)),
    "^(−3/2)": Operator(lambda x: x**-1.5, "{}^(−3/2)", "{}^(-3\\/2)", POWER, (ATOM,)),
    "^": Operator(np.power, "{}^{}", "{}^({})", POWER, (ATOM, ATOM), (ATOM, TERMS)),
    "max": Operator(_positive_part, "max(0, {})", "max(0, {})", ATOM, (TERMS,)),
    "min": Operator(_negative_part, "min(0, {})", "min(0, {})", ATOM, (TERMS,)),
    "min 1": Operator(_at_most_one, "min(1, {})", "min(1, {})", ATOM, (TERMS,)),
    "branch": Operator(
        _branch,
        "({1} if {0} > 0 else {2})",
        'cases({1} "if" {0} > 0\\,, {2} "else")',
        ATOM,
        (TERMS, TERMS, TERMS),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Operation(Formula):
    """An operator applied to formulas."""

    operator: str
    operands: tuple[Formula, ...]

    def value(self, context: Any) -> Array:
        """Compute the operands, then the operator."""
        return np.asarray(
            OPERATORS[self.operator].compute(*(operand.value(context) for operand in self.operands))
        )

    def precedence(self, style: Style) -> int:
        """Return its operator's; a product's is no higher than its last factor's, which may be a sum's Σ."""
        operator = OPERATORS[self.operator]
        precedence = operator.precedence
        if style == "typst" and operator.precedence_typst is not None:
            precedence = operator.precedence_typst
        if self.operator != "·":
            return precedence
        last = self.operands[-1].precedence(style)
        return precedence if last < operator.operands[-1] else min(precedence, last)  # else it is in brackets

    def write(self, style: Style) -> str:
        """Write the operands into the operator's places."""
        operator = OPERATORS[self.operator]
        typst = style == "typst"
        least = operator.operands_typst if typst and operator.operands_typst else operator.operands
        operands = [
            operand.write_operand(style, precedence)
            for operand, precedence in zip(self.operands, least, strict=True)
        ]
        if typst and self.operator == "·" and operands[1][0].isdigit():
            operands[1] = f"({operands[1]})"  # 2 (3): side by side they would be 23
        return (operator.typst if typst else operator.plain).format(*operands)


def apply(operator: str, *operands: Formula | int) -> Formula:
    """Apply an operator that Python has no sign for: ⊙, ⊘, ⊗, diag, exp, log, √, ², max, min, branch, …."""
    return Operation(operator, tuple(as_formula(operand) for operand in operands))
