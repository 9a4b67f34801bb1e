"""Formulas compute what they say, and write what they compute."""

import numpy as np
import pytest

from backproof.proof.formula.expression import Formula, Number, apply
from backproof.proof.formula.index_form import Delta, Largest, Sum, evaluate
from backproof.proof.formula.matrix_form import MatrixContext, Whole, identity, names_in, ones
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


def test_names_are_listed_once() -> None:
    assert names_in(x[s, i] * w[i] + x[s, j] * grad(y)[s, i]) == [x, w, grad(y)]
