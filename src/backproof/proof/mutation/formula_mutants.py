"""Formulas with one thing wrong: a sign, an index, a factor, a power, a count."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from backproof.gradcheck.derivatives import relative_error
from backproof.proof.formula.expression import Array, Formula, Number, Operation
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.index_form import Delta, Hardmax, Largest, Sum
from backproof.proof.formula.notation import Entry, Index, Size

_EXCHANGED = {
    "+": "−", "−": "+", "max": "min", "min": "max", "^(−1/2)": "^(−3/2)", "^(−3/2)": "^(−1/2)",
}  # fmt: skip
_DROPS_EITHER = ("+", "−", "·", "@", "⊙", "⊘")
_DROPS_THE_REST = ("/", "^")
_DROPPED = ("neg", "T", "exp", "log", "√", "²", "min 1", "^(−1)", "^(−1/2)", "^(−3/2)")
_SAME = 1e-12
"""Relative difference of numbers that are the same but for rounding."""

_CENTRED = "the other factor is centred, so what is the same for all samples drops out of this one"
_SIGN = "only the sign counts, and a mean has that of the sum"
_IN_WINDOW = "δ_{g + P, S h + p} δ_{u + P, S v + q}"
EQUIVALENT = {
    (f"{label}, matrix form", f"{matrix} − {mean} → {matrix}{other}"): _CENTRED
    for label, matrix, mean in (
        ("bn.var", "X", "1_B μᵀ"),
        ("bn2d.var", "X", "1_BHV μᵀ"),
        ("bn.joint_q", "E", "1_P μᵀ"),
    )
    for other in ("", f" + {mean}")
} | {
    (f"max_pool.y, step {step}", f"{total} → ({total})/{size}"): _SIGN
    for step in (1, 2)
    for total, size in ((f"Σ_p Σ_q {_IN_WINDOW}", "K_h"), (f"Σ_q {_IN_WINDOW}", "K_v"))
}
"""Changes that change no result, and why, beside those that ``formula_mutants`` leaves out by rule."""

Pairs = frozenset[frozenset[Formula]]


@dataclass(frozen=True)
class Around:
    """What a formula stands in."""

    indices: tuple[Index, ...]
    """Those that it may use: of the left side, and of the sums around it."""
    sample: Sample
    equal: Pairs = frozenset()
    """Indices that a δ beside it makes equal: it is multiplied by 0 wherever they differ."""

    def beside(self, *factors: Formula) -> "Around":
        """Add what factors make equal."""
        return replace(
            self, equal=self.equal.union(*(_made_equal(factor, self.sample) for factor in factors))
        )

    def under(self, index: Index) -> "Around":
        """Add a sum's index."""
        equal = frozenset(pair for pair in self.equal if index not in pair)
        return replace(self, indices=tuple(dict.fromkeys((*self.indices, index))), equal=equal)


def formula_mutants(
    formula: Formula, left: tuple[Index, ...], sample: Sample
) -> Iterator[tuple[str, Formula]]:
    """Yield what is changed, and the formula with that change; ``left`` are the left side's indices.

    Left out are those that are equal for certain: one index in place of another that a δ beside it makes
    equal, and exchanged indices of an array that is symmetric in them.
    """
    seen = {formula}
    for change, mutant in _mutants(formula, Around(left, sample)):
        if mutant not in seen:
            seen.add(mutant)
            yield change, mutant


def _mutants(formula: Formula, around: Around) -> Iterator[tuple[str, Formula]]:
    for other in _instead(formula, around):
        yield f"{formula.write('plain')} → {other.write('plain')}", other
    match formula:
        case Operation(operator, operands):
            for number, operand in enumerate(operands):
                around_operand = _around_operand(operator, operands, number, around)
                for change, other in _mutants(operand, around_operand):
                    yield change, replace(formula, operands=_with(operands, number, other))
        case Sum(index, body) | Largest(index, body):
            for change, other in _mutants(body, around.under(index)):
                yield change, replace(formula, body=other)
        case Hardmax(_, body):
            for change, other in _mutants(body, around):
                yield change, replace(formula, body=other)
        case Entry(_, indices):
            for number, part in enumerate(indices):
                for change, other in _mutants_of_computed(part, around):
                    yield change, replace(formula, indices=_with(indices, number, other))
        case Delta(left, right):
            for change, other in _mutants_of_computed(left, around):
                yield change, Delta(other, right)
            for change, other in _mutants_of_computed(right, around):
                yield change, Delta(left, other)


def _mutants_of_computed(index: Formula, around: Around) -> Iterator[tuple[str, Formula]]:
    """Yield those of an index that is no mere letter, such as the c_s of x_{s c_s}, or S h + p."""
    if not isinstance(index, Index):
        yield from _mutants(index, around)


def _instead(formula: Formula, around: Around) -> Iterator[Formula]:
    """Yield what may stand in a formula's place, its parts as they are."""
    match formula:
        case Operation():
            yield from _instead_of_operation(formula)
        case Number(n):
            yield Number(n + 1)
        case Index():  # within an index that is computed
            yield from _other_indices(formula, formula.size, around)
        case Size():
            yield formula + 1
        case Sum():
            yield formula / formula.over.size  # the mean
        case Largest(index, body):
            yield Sum(index, body)
        case Hardmax(over, body):
            yield Number(1)
            yield from (Hardmax(over[:n] + over[n + 1 :], body) for n in range(len(over)))
        case Delta(left, right):
            yield Number(1)
            yield from (Delta(other, right) for other in _other_indices(left, _size(left), around))
            size = _size(right) or _size(left)  # the right one may be a class, such as c_s
            yield from (Delta(left, other) for other in _other_indices(right, size, around))
        case Entry(name, indices):
            for number, part in enumerate(indices):
                for other in _other_indices(part, name.sizes[number], around):
                    yield Entry(name, _with(indices, number, other))
            for one, two in combinations(range(len(indices)), 2):
                same = frozenset((indices[one], indices[two])) in around.equal
                if not same and not _symmetric(around.sample[name], one, two):
                    yield Entry(name, _with(_with(indices, one, indices[two]), two, indices[one]))


def _instead_of_operation(formula: Operation) -> Iterator[Formula]:
    operator, operands = formula.operator, formula.operands
    if operator in _EXCHANGED:
        yield Operation(_EXCHANGED[operator], operands)
    if operator in _DROPS_EITHER:
        yield from operands
    if operator in _DROPS_THE_REST or operator in _DROPPED:
        yield operands[0]
    if operator == "⊗":
        yield Operation(operator, operands[::-1])
    if operator == "branch":
        sign, then, otherwise = operands
        yield Operation(operator, (sign, otherwise, then))


def _size(index: Formula) -> Size | None:
    return index.size if isinstance(index, Index) else None


def _other_indices(index: Formula, size: Size | None, around: Around) -> Iterator[Index]:
    """Yield every other index that fits in an index's place, but those that are equal there."""
    for other in around.indices:
        if other.size == size and other != index and frozenset((index, other)) not in around.equal:
            yield other


def _around_operand(operator: str, operands: tuple[Formula, ...], number: int, around: Around) -> Around:
    """Return what an operand stands in: what multiplies it counts."""
    if operator == "·" or (operator == "/" and number == 1):
        return around.beside(operands[1 - number])
    return around


def _made_equal(factor: Formula, sample: Sample) -> Pairs:
    """Name the pairs of indices that have to be equal for a factor not to be zero."""
    match factor:
        case Delta(left, right):
            return frozenset({frozenset((left, right))})
        case Entry(name, indices):
            pairs = combinations(range(len(indices)), 2)
            return frozenset(
                frozenset((indices[i], indices[j])) for i, j in pairs if _diagonal(sample[name], i, j)
            )
        case Operation("·", (left, right)):
            return _made_equal(left, sample) | _made_equal(right, sample)
        case Operation("/" | "neg", (above, *_)):
            return _made_equal(above, sample)
        case Sum(index, body):
            return frozenset(pair for pair in _made_equal(body, sample) if index not in pair)
    return frozenset()


def _diagonal(array: Array, i: int, j: int) -> bool:
    """Tell whether an array is zero wherever two of its indices differ, as a layer's ∂y_i/∂x_j often is."""
    if array.shape[i] != array.shape[j]:
        return False
    apart = ~np.eye(array.shape[i], dtype=bool)
    return not np.moveaxis(array, (i, j), (0, 1))[apart].any()


def _symmetric(array: Array, i: int, j: int) -> bool:
    exchanged = np.swapaxes(array, i, j)
    return exchanged.shape == array.shape and relative_error(exchanged, array) <= _SAME


def _with(parts: tuple[Formula, ...], number: int, part: Formula) -> tuple[Formula, ...]:
    return *parts[:number], part, *parts[number + 1 :]
