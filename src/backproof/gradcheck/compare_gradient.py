"""Compare one gradient with the derivative of its layer's forward pass, at every index."""

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.known_mistakes import WrongGradient, known_mistake
from backproof.gradcheck.layer_report import CauseName, LayerFinding, Proven
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.numerical_derivative import COMPLEX, SINGLE, NumericalDerivative
from backproof.gradcheck.streams import generator

_ORDER = 1.5
"""A wrong gradient leaves a remainder of order 1, a right one of order 2 or more."""
_VANISHING = 1e-3
"""Gradients smaller than this, relative to dout, are measured against that: rounding does not vanish."""
_ROUNDED = 1e-4
"""What rounding to float32 may do to a gradient."""


def compare_gradient(
    label: str,
    got: Array | None,
    for_other_dout: Array | None,
    tested: LayerUnderTest,
    derivative: NumericalDerivative,
    seed: int,
) -> tuple[Proven | None, list[LayerFinding]]:
    """Return how well a gradient agrees, None if it can be compared nowhere, and the findings.

    ``for_other_dout`` is the gradient for another dout. Where entries disagree, one-sided slopes tell a kink
    and an unsuitable step from a mistake; they are taken at every entry where the Taylor remainder is of
    order 1.
    """
    expected = derivative.gradient()
    if got is None:
        return None, [LayerFinding(CauseName.WRONG_GRADIENT, f"{label} is missing after backward", label)]
    mistake = WrongGradient(label, got, expected, for_other_dout, tested, derivative)
    if got.shape != expected.shape:
        cause, how = known_mistake(mistake) or (CauseName.WRONG_SHAPE, "does not fit")
        message = f"{label} {how}: shape {got.shape}, expected {expected.shape}"
        return None, [LayerFinding(cause, message, label)]
    direction = np.asarray(generator(seed, "Taylor direction", label).normal(size=got.shape))
    order = _order(got, derivative, direction)
    errors, kinks, wrong = _compare(got, expected, derivative, looks_everywhere=order < _ORDER)
    findings = []
    if kinks.any():
        index = tuple(np.argwhere(kinks)[0].tolist())
        how = f"forward has no derivative at {kinks.sum()} of {kinks.size} entries of {label}, as at {index}"
        findings.append(LayerFinding(CauseName.KINK, f"{how}: not compared there", label, index))
    if wrong.any():
        index = tuple(np.unravel_index(np.where(wrong, errors, -1).argmax(), errors.shape))
        general = f"differs from the derivative of forward at {wrong.sum()} of {wrong.size} entries"
        cause, how = known_mistake(mistake) or (CauseName.WRONG_GRADIENT, general)
        values = float(expected[index]), float(got[index])
        findings.append(LayerFinding(cause, f"{label} {how}", label, tuple(map(int, index)), *values))
    if kinks.all():
        return None, findings
    if kinks.any():
        order = _order(got, derivative, np.where(kinks, 0.0, direction))
    return Proven(int((~kinks).sum()), float(errors[~kinks].max()), order, derivative.method.name), findings


def agrees_along(direction: Array, change: Array, got: Array | None, derivative: NumericalDerivative) -> bool:
    """Tell whether a gradient gives the derivative along one direction, where ``change`` is forward's.

    A quick look: where it says no, the gradient may still be right, as at a kink.
    """
    if got is None or got.shape != direction.shape:
        return False
    error = abs(float(np.sum(got * direction) - np.sum(derivative.dout * change)))
    return error <= _tolerance(got, derivative) * _scale(got, derivative)


def _compare(
    got: Array, expected: Array, derivative: NumericalDerivative, *, looks_everywhere: bool
) -> tuple[Array, Array, Array]:
    """Return every entry's error, relative to the largest, whether it lies at a kink, whether it is wrong."""
    method = derivative.method
    scale = _scale(np.concatenate([got.ravel(), expected.ravel()]), derivative)
    errors = np.asarray(np.abs(got - expected) / scale)
    errors[~np.isfinite(errors)] = np.inf
    differs = errors > _tolerance(got, derivative)
    slack = scale * max(method.slope_tolerance, _rounded(got))
    kinks, wrong = np.zeros(errors.shape, bool), np.zeros(errors.shape, bool)
    for position in np.argwhere(differs | looks_everywhere):
        index = tuple(position.tolist())
        low, high = derivative.slopes(index)
        is_between = low - slack <= got[index] <= high + slack
        kinks[index] = is_between and high - low > slack and _is_kink(high - low, derivative, index)
        wrong[index] = (method is COMPLEX and differs[index]) or not is_between
    return errors, kinks, wrong


def _scale(values: Array, derivative: NumericalDerivative) -> float:
    """Return the largest finite absolute value, or something small relative to dout if that is larger."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(sizes.max(initial=_VANISHING * float(np.abs(derivative.dout).max(initial=0))))


def _tolerance(got: Array, derivative: NumericalDerivative) -> float:
    return max(derivative.method.tolerance, _rounded(got))


def _rounded(got: Array) -> float:
    return _ROUNDED if got.dtype == np.float32 else 0.0


def _is_kink(gap: float, derivative: NumericalDerivative, index: tuple[int, ...]) -> bool:
    """Tell whether the slopes to both sides differ by as much nearby: at a kink; curvature's gap shrinks."""
    low, high = derivative.slopes(index, nearer=4)
    return high - low > 0.6 * gap


def _order(got: Array, derivative: NumericalDerivative, direction: Array) -> float:
    """Return the order of the Taylor remainder; NaN where float32's rounding hides it."""
    if derivative.method is SINGLE or got.dtype != np.float64:
        return float("nan")
    return derivative.order(got, direction)
