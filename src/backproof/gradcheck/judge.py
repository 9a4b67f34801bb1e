"""Hold one gradient against the derivative of its layer's forward pass, at every index."""

import numpy as np

from backproof.gradcheck.arrays_within import Array
from backproof.gradcheck.layer_report import LayerFinding, Proven
from backproof.gradcheck.layer_under_test import Subject
from backproof.gradcheck.numerical import COMPLEX, SINGLE, Derivative
from backproof.gradcheck.recognise import Wrong, recognised

_ORDER = 1.5
"""A wrong gradient leaves a remainder of order 1, a right one of order 2 or more."""
_VANISHING = 1e-3
"""Gradients smaller than this, relative to dout, are measured against that: rounding does not vanish."""
_ROUNDED = 1e-4
"""What rounding to float32 may do to a gradient."""


def judge(
    name: str,
    got: Array | None,
    again: Array | None,
    subject: Subject,
    derivative: Derivative,
    rng: np.random.Generator,
) -> tuple[Proven | None, list[LayerFinding]]:
    """Return how well a gradient agrees, if it can be compared anywhere, and what was met on the way.

    ``again`` is the gradient for another dout. Where entries disagree, one-sided slopes tell a kink and an
    unsuitable step from a mistake; where the Taylor remainder is of order 1, they judge every entry.
    """
    expected = derivative.exact()
    if got is None:
        return None, [LayerFinding("wrong gradient", f"{name} is missing after backward", name)]
    wrong_one = Wrong(name, got, expected, again, subject, derivative)
    if got.shape != expected.shape:
        cause, how = recognised(wrong_one) or ("wrong shape", "does not fit")
        message = f"{name} {how}: shape {got.shape}, expected {expected.shape}"
        return None, [LayerFinding(cause, message, name)]
    direction = rng.normal(size=got.shape)
    order = _order(got, derivative, direction)
    off, kinks, wrong = _compare(got, expected, derivative, looks_everywhere=order < _ORDER)
    findings = []
    if kinks.any():
        index = tuple(np.argwhere(kinks)[0].tolist())
        how = f"forward has no derivative at {kinks.sum()} of {kinks.size} entries of {name}, as at {index}"
        findings.append(LayerFinding("kink", f"{how}: not judged there", name, index))
    if wrong.any():
        index = tuple(np.unravel_index(np.where(wrong, off, -1).argmax(), off.shape))
        general = f"differs from the derivative of forward at {wrong.sum()} of {wrong.size} entries"
        cause, how = recognised(wrong_one) or ("wrong gradient", general)
        values = float(expected[index]), float(got[index])
        findings.append(LayerFinding(cause, f"{name} {how}", name, tuple(map(int, index)), *values))
    if kinks.all():
        return None, findings
    if kinks.any():
        order = _order(got, derivative, np.where(kinks, 0.0, direction))
    return Proven(int((~kinks).sum()), float(off[~kinks].max()), order, derivative.method.name), findings


def _compare(
    got: Array, expected: Array, derivative: Derivative, *, looks_everywhere: bool
) -> tuple[Array, Array, Array]:
    """Return for every entry how far it is off, whether it lies at a kink, and whether it is wrong."""
    method, rounded = derivative.method, _ROUNDED if got.dtype == np.float32 else 0.0
    sizes = np.abs(np.concatenate([got.ravel(), expected.ravel()]))
    scale = sizes[np.isfinite(sizes)].max(initial=_VANISHING * float(np.abs(derivative.dout).max(initial=0)))
    off = np.asarray(np.abs(got - expected) / scale)
    off[~np.isfinite(off)] = np.inf
    differs = off > max(method.tolerance, rounded)
    slack = scale * max(method.slope_tolerance, rounded)
    kinks, wrong = np.zeros(off.shape, bool), np.zeros(off.shape, bool)
    for each in np.argwhere(differs | looks_everywhere):
        index = tuple(each.tolist())
        low, high = derivative.slopes(index)
        is_between = low - slack <= got[index] <= high + slack
        kinks[index] = is_between and high - low > slack and _is_kept(high - low, derivative, index)
        wrong[index] = (method is COMPLEX and differs[index]) or not is_between
    return off, kinks, wrong


def _is_kept(gap: float, derivative: Derivative, index: tuple[int, ...]) -> bool:
    """Tell whether the slopes to both sides differ by as much nearby: at a kink; curvature's gap shrinks."""
    low, high = derivative.slopes(index, nearer=4)
    return high - low > 0.6 * gap


def _order(got: Array, derivative: Derivative, direction: Array) -> float:
    """Return the order of the Taylor remainder; NaN where float32 drowns it."""
    if derivative.method is SINGLE or got.dtype != np.float64:
        return float("nan")
    return derivative.order(got, direction)
