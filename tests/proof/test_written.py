"""What is shown is what is computed: every equation's Typst text is read back, and says what is true."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.gradcheck.derivatives import relative_error
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, Formula, Number, apply
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.index_form import Delta, Hardmax, Infinity, Largest, Sum, evaluate, indices_in
from backproof.proof.formula.letters import KH, KV
from backproof.proof.formula.matrix_form import MatrixContext, Whole
from backproof.proof.formula.notation import Derivative, Index, Size, Symbol, grad, scalar
from backproof.proof.prove import truths
from proof.typst_reader import Reader, ReadError, as_matrix

WINDOW = {"p": KH, "q": KV}
"""How far the places of a window go, which stand at no axis where there is no kernel."""


def symbols_of(name: Symbol | Derivative) -> list[Symbol]:
    return [name] if isinstance(name, Symbol) else [each for each in (name.of, name.by) if each]


def reader(equation: Equation, sample: Sample) -> Reader:
    known = [each for name in (*sample.arrays, equation.left.name) for each in symbols_of(name)]
    ranges = {letter: sample.sizes[size] for letter, size in WINDOW.items() if size in sample.sizes}
    return Reader(sample.sizes, dict.fromkeys(known), sample, ranges)


@pytest.mark.parametrize("label", EQUATIONS)
def test_what_is_written_is_true(label: str) -> None:
    equation = EQUATIONS[label]
    for truth in truths(equation, samples=2):
        name, steps = reader(equation, truth.sample).steps(equation.write_steps())
        assert name == equation.left.name
        assert len(steps) == len(equation.steps)
        for step in steps:
            assert relative_error(step, truth.value) <= 1e-10
        names, readings = reader(equation, truth.sample).matrix(equation.write_matrix("typst"))
        assert equation.left.name in names
        exact = as_matrix(equation.left.name, truth.value)
        exact = exact.reshape(-1, 1) if equation.matrix_is_vec else exact
        [matrix] = (each for each in readings if each.shape == (exact.shape or (1, 1)))
        assert relative_error(matrix.reshape(exact.shape), exact) <= 1e-10


# Trees that no equation has yet.

B, C = Size("B"), Size("C")
s, i, j, k = Index("s", B), Index("i", C), Index("j", C), Index("k", C)
x, g, v = Symbol("x", (B, C)), Symbol("x", (C,), "hat"), Symbol("σ", (C,), superscript="2")
y, a = Symbol("y", (B, C)), Symbol("a")
X, G, V, A = (Whole(each) for each in (x, grad(x), Symbol("x", (B, C), "tilde", "(l)"), a))
SIZES = {B: 2, C: 3}
TAKEN = (v[i], grad(x)[s, j])
"""Entries that a power has to put in brackets."""
POWERS = ("²", "^(−1)", "^(−1/2)", "^(−3/2)")
CALLS = ("exp", "√", "max", "min", "min 1", "log", *POWERS)


def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.uniform(0.5, 1.5, shape) + 1j * rng.uniform(-0.5, 0.5, shape))


_RNG = np.random.default_rng(7)
ARRAYS: dict[object, Array] = {
    each: draw(_RNG, tuple(SIZES[size] for size in each.sizes)) for each in (x, g, v, a, grad(x))
}
SQUARE: dict[object, Array] = {each.name: draw(_RNG, (3, 3)) for each in (X, G, V)} | {a: ARRAYS[a]}


def call(operator: str, operand: Formula) -> Formula:
    """Apply it."""
    return apply(operator, operand)


Ways = list[tuple[int, Callable[..., Formula]]]
BOTH: Ways = [
    (2, Formula.__add__),
    (2, Formula.__sub__),
    (1, Formula.__neg__),
    (3, partial(apply, "branch")),
    *((1, partial(call, each)) for each in CALLS),
]
"""How many formulas each way of both forms puts together."""
INDEX: Ways = [
    *BOTH,
    (2, Formula.__mul__),
    (2, Formula.__truediv__),
    (1, partial(Sum, s)),
    (1, partial(Sum, j)),
    (1, lambda each: scalar(a) * Sum(j, each)),  # a product that is open at its end
    (1, lambda each: Largest(k, each if indices_in(each) else each + x[s, k])),
    (1, lambda each: Hardmax((s, i), each + x[s, i])),
    (1, lambda each: apply("branch", each, x[s, i], -Infinity())),
]
MATRIX: Ways = [
    *BOTH,
    (2, Formula.__matmul__),
    (1, lambda each: each.T),
    (2, partial(apply, "⊙")),
    (2, partial(apply, "⊘")),
    *((1, partial(Formula.__mul__, each)) for each in (A, 1 / B, -A, A + 1)),
    (1, lambda each: each / (A + B)),
    (1, lambda each: A * apply("⊙", X, each)),
]


def trees(leaves: list[Formula], ways: Ways) -> st.SearchStrategy[Formula]:
    def larger(parts: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        return st.one_of(*(st.builds(way, *[parts] * n) for n, way in ways))

    return st.recursive(st.sampled_from(leaves), larger, max_leaves=6)


def pairs(leaves: list[Formula], ways: Ways) -> Iterator[Formula]:
    """Put every way at every place of every way."""
    for (n, outer), (m, inner) in itertools.product(ways, ways):
        for place in range(n):
            operands = leaves[:n]
            operands[place] = inner(*leaves[-m:])
            yield outer(*operands)


INDEX_LEAVES: list[Formula] = [
    *(x[s, i], x[s, j], x[s, k], g[i], scalar(a), B, Delta(i, j)),
    *(*TAKEN, Number(2), Number(0), Number(-3)),
    *(Delta(i + 1, B * j), x[s, C - 1 - i], x[s, j] * Delta(i - k, s - 1)),
]


MATRIX_LEAVES: list[Formula] = [X, G, V]


def reads_back(value: Array, moved: Array, read: Array) -> bool | None:
    """Compare; None where rounding, or numbers beyond all bounds, could pass for a wrong reading."""
    scale = np.abs(value).max()
    if not (np.isfinite(value).all() and scale > 1e-9 and np.abs(moved - value).max() <= 1e-8 * scale):
        return None
    return bool(np.abs(read - value).max() <= 1e-6 * scale)


def index_form_reads_back(formula: Formula) -> bool | None:
    bound = Sum(j, Sum(k, formula))
    moved = {name: array * (1 + 1e-12) for name, array in ARRAYS.items()}
    with np.errstate(all="ignore"):
        values = [evaluate(bound, (s, i), SIZES, arrays) for arrays in (ARRAYS, moved)]
        read = Reader(SIZES, [x, g, v, a, y], ARRAYS, {"s": 2, "i": 3, "j": 3, "k": 3})
        _, [step] = read.steps(f"y_(s i) = {bound.write('typst')}")
        return reads_back(*values, step)


def matrix_form_reads_back(formula: Formula) -> bool | None:
    """Read it with all matrices square, so that shapes do not come to the reader's help."""
    square = {B: 3, C: 3}
    moved = {name: array * (1 + 1e-12) for name, array in SQUARE.items()}
    with np.errstate(all="ignore"):
        values = [formula.value(MatrixContext(square, each)) for each in (SQUARE, moved)]
        _, [matrix] = Reader(square, [x, y, V.name, a], SQUARE).matrix(f"bold(Y) = {formula.write('typst')}")
        return reads_back(*values, matrix)


def test_every_pair_of_operators_reads_back() -> None:
    index = {each.write("typst"): index_form_reads_back(each) for each in pairs(INDEX_LEAVES[:4], INDEX)}
    matrix = {each.write("typst"): matrix_form_reads_back(each) for each in pairs(MATRIX_LEAVES, MATRIX)}
    for found in (index, matrix):
        assert [text for text, same in found.items() if same is False] == []
        assert sum(map(bool, found.values())) > 0.9 * len(found)


@settings(max_examples=250, derandomize=True, deadline=None, database=None)
@given(trees(INDEX_LEAVES, INDEX))
def test_any_index_form_reads_back(formula: Formula) -> None:
    assert index_form_reads_back(formula) is not False


@settings(max_examples=250, derandomize=True, deadline=None, database=None)
@given(trees(MATRIX_LEAVES, MATRIX))
def test_any_matrix_form_reads_back(formula: Formula) -> None:
    assert matrix_form_reads_back(formula) is not False


@pytest.mark.parametrize("entry", TAKEN)
def test_powers_of_names_with_something_above(entry: Formula) -> None:
    read = Reader(SIZES, [x, g, v, a, y], ARRAYS, {"s": 2, "i": 3, "j": 3})
    _, [step] = read.steps(f"y_(s i) = {Sum(j, apply('²', entry)).write('typst')}")
    np.testing.assert_allclose(step, evaluate(Sum(j, apply("²", entry)), (s, i), SIZES, ARRAYS))


@pytest.mark.parametrize(
    "text",
    [
        "x_(s i) -a a",  # a subtraction, so not the product that was meant
        "a + -a",
        "a 2",
        "sigma_(i)^(2)^2",
        "a^2^2",
        "(partial L)/(partial x_(s i))^2",
        "(a)/(a)/(a)",
        "a(a + a)",
        "x_(s i) + x_(s j)",
        "sum_(i) x_(i i)",
        "hat(x)_(s)",
        "b",
        "exp a",
        "delta_(i + 1 j)",
        "x_(s, i - 1)",
        'upright("hardmax")_(s, k) (x_(s i))',
        "a +",
        "(a",
    ],
)
def test_what_has_no_one_reading_is_refused(text: str) -> None:
    read = Reader(SIZES, [x, g, v, a, y], ARRAYS)
    if text == "x_(s i) -a a":
        _, [step] = read.steps(f"y_(s i) = {text}")
        np.testing.assert_allclose(step, ARRAYS[x] - ARRAYS[a] ** 2)
        return
    with pytest.raises(ReadError):
        read.steps(f"y_(s i) = {text}")
