"""Formulas compute what they say, and write what they compute."""

import numpy as np
import pytest

from backproof.proof.formula.expression import Formula, Number, apply
from backproof.proof.formula.index_form import Delta, Hardmax, Infinity, Largest, Sum, evaluate
from backproof.proof.formula.matrix_form import (
    MatrixContext,
    Whole,
    as_matrix,
    from_matrix,
    identity,
    names_in,
    ones,
)
from backproof.proof.formula.notation import Derivative, Index, Size, Symbol, grad, scalar

B, D = Size("B"), Size("D")
s, r, i, j = Index("s", B), Index("r", B), Index("i", D), Index("j", D)
x, y, w, c = Symbol("x", (B, D)), Symbol("y", (B, D)), Symbol("w", (D,)), Symbol("c", (B,))
a = scalar(Symbol("a"))
X, Y = Whole(x), Whole(y)
SIZES = {B: 4, D: 3}


@pytest.fixture
def arrays(rng: np.random.Generator) -> dict[object, np.ndarray]:
    return {
        x: rng.normal(size=(4, 3)),
        y: rng.normal(size=(4, 3)),
        w: rng.normal(size=3),
        c: np.array([0, 2, 1, 2]),
        a.name: np.array(0.3),
    }


@pytest.mark.parametrize(
    ("formula", "plain", "typst"),
    [
        (x[s, i] + y[s, i] * w[i], "x_si + y_si w_i", "x_(s i) + y_(s i) w_(i)"),
        ((x[s, i] + y[s, i]) * w[i], "(x_si + y_si) w_i", "(x_(s i) + y_(s i)) w_(i)"),
        (x[s, i] - (y[s, i] - w[i]), "x_si − (y_si − w_i)", "x_(s i) - (y_(s i) - w_(i))"),
        (Sum(i, x[s, i]) * w[j], "(Σ_i x_si) w_j", "(sum_(i) x_(s i)) w_(j)"),
        (w[j] * Sum(i, x[s, i]), "w_j Σ_i x_si", "w_(j) sum_(i) x_(s i)"),
        (Sum(i, x[s, i] + w[i]), "Σ_i (x_si + w_i)", "sum_(i) (x_(s i) + w_(i))"),
        (Sum(s, Sum(i, x[s, i])), "Σ_s Σ_i x_si", "sum_(s, i) x_(s i)"),
        ((1 / B) * w[i], "(1/B) w_i", "(1)/(B) w_(i)"),
        (w[i] / (B * a), "w_i/(B a)", "(w_(i))/(B a)"),
        (-(w[i] * a), "−w_i a", "-w_(i) a"),
        (w[i] * -a, "w_i (−a)", "w_(i) (-a)"),
        (w[i] + -a, "w_i + (−a)", "w_(i) + (-a)"),
        (w[i] - -a, "w_i − (−a)", "w_(i) - (-a)"),
        (w[i] * ((1 / B) * a), "w_i (1/B) a", "w_(i) (1)/(B) a"),
        (w[i] + (w[j] + a), "w_i + (w_j + a)", "w_(i) + (w_(j) + a)"),
        (Delta(i, c[s]), "δ_{i c_s}", "delta_(i c_(s))"),
        (x[s, c[s]], "x_{s c_s}", "x_(s c_(s))"),
        (Delta(i + 1, B * s + j), "δ_{i + 1, B s + j}", "delta_(i + 1, B s + j)"),
        (x[s, D - 1 - i] * w[i], "x_{s, D − 1 − i} w_i", "x_(s, D - 1 - i) w_(i)"),
        (Size("K", "h") * w[i], "K_h w_i", "K_(h) w_(i)"),
        (identity(B, D, Size("K", "h")), "I_{B D K_h}", "bold(I)_(B D K_(h))"),
        (Hardmax((s, i), x[s, i]), "hardmax_si(x_si)", 'upright("hardmax")_(s, i) (x_(s i))'),
        (Largest(i, -Infinity() * w[i]), "max_i (−∞) w_i", "max_(i) (-oo) w_(i)"),
        (grad(x)[s, i], "∂L/∂x_si", "(partial L)/(partial x_(s i))"),
        (Derivative(x, y)[s, i, r, j], "∂y_si/∂x_rj", "(partial y_(s i))/(partial x_(r j))"),
        (apply("²", x[s, i] - w[i]), "(x_si − w_i)²", "(x_(s i) - w_(i))^2"),
        (X @ Whole(w) + ones(B), "X w + 1_B", "bold(X) bold(w) + bold(1)_(B)"),
        (Whole(grad(x)).T @ Y, "(∂L/∂X)ᵀ Y", "((partial L)/(partial bold(X)))^top bold(Y)"),
    ],
)
def test_brackets_stand_where_they_have_to(formula: Formula, plain: str, typst: str) -> None:
    assert formula.write("plain") == plain
    assert formula.write("typst") == typst


def test_accents_and_layers() -> None:
    hidden = Symbol("x", (D,), "tilde", "(l-1)")
    assert hidden[i].write("plain") == "x̃⁽ˡ⁻¹⁾_i"
    assert hidden[i].write("typst") == "tilde(x)_(i)^((l-1))"
    assert Whole(hidden).write("typst") == "tilde(bold(x))^((l-1))"


def test_index_form_is_taken_literally(arrays: dict[object, np.ndarray]) -> None:
    def value(formula: Formula, *left: Index) -> np.ndarray:
        return evaluate(formula, left, SIZES, arrays)

    np.testing.assert_allclose(value(Sum(i, x[s, i] * y[r, i]), s, r), arrays[x] @ arrays[y].T)
    np.testing.assert_allclose(value(Sum(i, x[s, i] * y[r, i]), r, s), (arrays[x] @ arrays[y].T).T)
    np.testing.assert_array_equal(value(Delta(i, c[s]), s, i), np.eye(3)[arrays[c]])
    np.testing.assert_array_equal(value(x[s, c[s]], s), arrays[x][np.arange(4), arrays[c]])
    np.testing.assert_allclose(
        value(Sum(s, w[i]), i), 4 * arrays[w]
    )  # without its index, a term counts B times
    np.testing.assert_array_equal(value(Largest(i, x[s, i]), s), arrays[x].max(axis=1))
    np.testing.assert_array_equal(value(Number(7), s, i), np.full((4, 3), 7))
    np.testing.assert_array_equal(value(B + 1 - a, i), np.full(3, 4.7))
    np.testing.assert_array_equal(
        value(apply("branch", x[s, i], 1, a), s, i), np.where(arrays[x] > 0, 1, 0.3)
    )


def test_indices_are_computed(arrays: dict[object, np.ndarray]) -> None:
    def value(formula: Formula, *left: Index) -> np.ndarray:
        return evaluate(formula, left, SIZES, arrays)

    np.testing.assert_array_equal(value(x[s, D - 1 - i], s, i), arrays[x][:, ::-1])
    np.testing.assert_array_equal(value(Delta(s, 2 * i - 1), s, i)[:, 1:], np.eye(4)[:, [1, 3]])
    # What leaves an image finds no δ: a sum over it is the boundary.
    shifted = Sum(j, Delta(j, i - 1) * w[j])
    np.testing.assert_array_equal(value(shifted, i), [0, *arrays[w][:-1]])


@pytest.mark.parametrize("wrong", [x[s, i - 1], x[s, i + 1], x[s, D - i]])
def test_an_index_beyond_the_array_is_an_error(wrong: Formula, arrays: dict[object, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="lies outside of the array"):
        evaluate(wrong, (s, i), SIZES, arrays)


def test_hardmax_is_one_at_the_first_largest() -> None:
    ties = {x: np.array([[1.0, 5, 5], [2, 2, 0], [5, 0, 5]]) + 3j}
    sizes = {B: 3, D: 3}
    each = evaluate(Hardmax((i,), x[s, i]), (s, i), sizes, ties)
    np.testing.assert_array_equal(each, [[0, 1, 0], [1, 0, 0], [1, 0, 0]])
    of_all = evaluate(Hardmax((s, i), x[s, i]), (s, i), sizes, ties)
    np.testing.assert_array_equal(of_all, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])
    columns_first = evaluate(Hardmax((i, s), x[s, i]), (s, i), sizes, ties)
    np.testing.assert_array_equal(columns_first, [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    inside = apply("branch", Delta(i, Number(2)), x[s, i], -Infinity())
    np.testing.assert_array_equal(
        evaluate(Hardmax((s, i), inside), (s, i), sizes, ties), [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    )


def test_mistakes_in_indices_are_errors(arrays: dict[object, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="j is neither summed nor on the left"):
        evaluate(x[s, j], (s, i), SIZES, arrays)
    with pytest.raises(ValueError, match="x_s has 1 indices for 2 axes"):
        evaluate(x[s], (s,), SIZES, arrays)
    with pytest.raises(ValueError, match="x_is: i does not count B"):
        evaluate(x[i, s], (s, i), SIZES, arrays)


def test_matrix_form(arrays: dict[object, np.ndarray]) -> None:
    at = MatrixContext(SIZES, arrays)
    np.testing.assert_allclose((X.T @ Y).value(at), arrays[x].T @ arrays[y])
    np.testing.assert_allclose((X @ Whole(w)).value(at), arrays[x] @ arrays[w][:, None])
    np.testing.assert_allclose((ones(B).T @ X).value(at), arrays[x].sum(axis=0, keepdims=True))
    np.testing.assert_allclose(apply("diag", Whole(w)).value(at), np.diag(arrays[w]))
    np.testing.assert_allclose(apply("vec", X).value(at), arrays[x].reshape(-1, 1))
    np.testing.assert_allclose(apply("⊗", identity(D), X).value(at), np.kron(np.eye(3), arrays[x]))
    images = np.arange(24.0).reshape(2, 3, 2, 2)
    rows = X.value(MatrixContext(SIZES, {x: images}))
    np.testing.assert_array_equal(rows[5], images[1, :, 0, 1])


def test_a_symbol_says_which_axes_are_rows() -> None:
    kernel = Symbol("k", (B, D, B, D), as_matrix=((0,), (2, 3, 1)))
    array = np.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    matrix = as_matrix(kernel, array)
    assert matrix.shape == (2, 4 * 5 * 3)
    assert matrix[1, (2 * 5 + 4) * 3 + 1] == array[1, 1, 2, 4]
    for name in (kernel, grad(kernel)):
        np.testing.assert_array_equal(as_matrix(name, array), matrix)
        np.testing.assert_array_equal(from_matrix(name, matrix, array.shape), array)


def test_an_axis_of_both_rows_and_columns_makes_blocks() -> None:
    blocks = Symbol("n", (B, D, D), as_matrix=((0, 1), (0, 2)))
    array = np.arange(1.0, 13).reshape(2, 2, 3)
    expected = np.zeros((4, 6))
    expected[:2, :3], expected[2:, 3:] = array
    np.testing.assert_array_equal(as_matrix(blocks, array), expected)


def test_a_jacobians_matrix_is_in_the_order_of_vec() -> None:
    images, kernel = Symbol("x", (B, D, B, D)), Symbol("k", (B, D, D), as_matrix=((1,), (2, 0)))
    array = np.arange(24.0 * 24).reshape(2, 3, 4, 2, 3, 4, 1)[..., 0].reshape(2, 3, 2, 2, 2, 3, 4)
    matrix = as_matrix(Derivative(kernel, images), array)
    assert matrix.shape == (24, 24)
    # The row of x_{1 2 0 1}, whose pixels go before channels, and the column of k_{1 2 3}.
    assert matrix[((1 * 2 + 0) * 2 + 1) * 3 + 2, (2 * 4 + 3) * 2 + 1] == array[1, 2, 0, 1, 1, 2, 3]


def test_names_are_listed_once() -> None:
    assert names_in(x[s, i] * w[i] + x[s, j] * grad(y)[s, i]) == [x, w, grad(y)]
