"""The judges themselves: known derivatives, and what they refuse."""

import numpy as np
import pytest

from backproof.proof import (
    central_difference,
    complex_jacobian,
    complex_step,
    relative_error,
    taylor_order,
)


def test_both_find_a_known_gradient(rng: np.random.Generator) -> None:
    x, dout = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    expected = dout * np.cos(x) * np.exp(np.sin(x))
    assert relative_error(complex_step(lambda z: np.exp(np.sin(z)), x, dout), expected) <= 1e-15
    assert relative_error(central_difference(lambda z: np.exp(np.sin(z)), x, dout), expected) <= 1e-9


def test_off_diagonal_terms_count(rng: np.random.Generator) -> None:
    a, x, dout = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=4)
    for gradient in (complex_step(lambda z: a @ z, x, dout), central_difference(lambda z: a @ z, x, dout)):
        assert relative_error(gradient, a.T @ dout) <= 1e-9


def test_central_difference_puts_x_back_even_when_f_fails(rng: np.random.Generator) -> None:
    x = rng.normal(size=3)
    kept = x.copy()
    calls = []

    def fails_late(z: np.ndarray) -> float:
        calls.append(z.copy())
        if len(calls) == 4:
            raise RuntimeError("stop")
        return float(z.sum())

    with pytest.raises(RuntimeError, match="stop"):
        central_difference(fails_late, x)
    np.testing.assert_array_equal(x, kept)


def test_central_difference_refuses_float32() -> None:
    with pytest.raises(TypeError, match="float64"):
        central_difference(np.sum, np.zeros(2, np.float32))


def test_relative_error() -> None:
    assert relative_error([1.0, 2.0], [1.0, 2.0]) == 0
    assert relative_error([0.0], [0.0]) == 0
    assert relative_error([1.0, 100.0], [2.0, 100.0]) == pytest.approx(0.01)
    for wrong in (np.nan, np.inf):
        assert relative_error([wrong], [0.0]) == relative_error([0.0], [wrong]) == float("inf")
        assert relative_error([wrong], [wrong]) == float("inf")
    with pytest.raises(ValueError, match=r"\(1,\) and \(2,\)"):
        relative_error([1.0], [1.0, 2.0])


def test_a_jacobian_has_the_outputs_indices_first(rng: np.random.Generator) -> None:
    a, x = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    jacobian = complex_jacobian(lambda z: a @ z, x)
    assert jacobian.shape == (4, 2, 3, 2)
    expected = np.einsum("ij,kl->ikjl", a, np.eye(2))
    np.testing.assert_allclose(jacobian, expected, atol=1e-15)
    assert complex_jacobian(lambda z: (z**2).sum(), x) == pytest.approx(2 * x)


def test_the_order_of_the_taylor_remainder_tells_right_from_wrong(rng: np.random.Generator) -> None:
    x, v = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))

    def f(z: np.ndarray) -> float:
        return float(np.exp(z).sum())

    assert taylor_order(f, x, np.exp(x), v) == pytest.approx(2, abs=0.05)
    wrong = np.exp(x)
    wrong[2, 1] *= 1.001
    assert taylor_order(f, x, wrong, v) == pytest.approx(1, abs=0.2)
    a = rng.normal(size=(3, 2))
    assert taylor_order(lambda z: float((a * z).sum()), x, a, v) == float("inf")
    assert taylor_order(lambda z: float((a * z).sum()), x, a + 1e-3, v) == pytest.approx(1, abs=0.01)
    for gradient in (np.full((3, 2), np.nan), np.abs(v) / v * np.inf):
        assert taylor_order(f, x, gradient, v) == float("-inf")
    assert taylor_order(lambda _: float("nan"), x, np.exp(x), v) == float("-inf")
