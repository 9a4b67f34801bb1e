"""Name the mistake behind a wrong value: compute what each known mistake would give, and compare."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.causes import Cause
from backproof.checker.comparison import FLOOR, Comparison, error_against

_SAME = 1e-6
_NEAR = 1e-5
"""Too far off for float64, and too near for a mistake in the formula."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a value."""

    cause: Cause
    what: str
    """To follow the name of the value in a sentence: 'is the sum over …'."""
    hint: str = ""
    """Where it says more than the cause's own."""


Known = Iterable[tuple[Mistake, Array]]
"""Mistakes, each with a value that it gives; one may be there several times."""


def diagnose(
    comparison: Comparison,
    known: Known = (),
    again: Array | None = None,
    *,
    is_gradient: bool = False,
    otherwise: str = "",
) -> Mistake:
    """Return the first known mistake that gives the value that was got; else a general one.

    A mistake that would give the truth as well, as on a special shape, proves nothing and is passed over.
    ``again`` is the same value for another upstream gradient; ``otherwise`` describes it where nothing fits.
    """
    got, truth = comparison.got, comparison.truth
    floor = FLOOR * max(1.0, float(np.abs(truth).max(initial=0.0)))  # rounding of what should be zero

    def same(one: Array, other: Array) -> bool:
        return error_against(np.asarray(one), np.asarray(other), floor) <= max(_SAME, comparison.allowed)

    for mistake, value in known:
        if same(got, value) and not same(truth, value):
            return mistake
    if again is not None and got.shape == again.shape and got.any() and np.array_equal(got, again):
        return Mistake(causes.UPSTREAM_IGNORED, "stays the same when the gradient given to backward changes")
    general = causes.WRONG_GRADIENT if is_gradient else causes.WRONG_FORWARD_VALUE
    if got.shape != truth.shape:
        return Mistake(causes.WRONG_SHAPE, f"has shape {got.shape}, not {truth.shape}")
    if not np.isfinite(got).all():
        return Mistake(general, "is not finite")
    if not got.any():
        return Mistake(general, "is zero everywhere")
    if comparison.error < _NEAR:
        if np.array_equal(got, got.astype(np.float32)):
            return Mistake(causes.DTYPE_PROMOTED, "has no more digits than float32, though float64 goes in")
        return Mistake(general, "is right to some digits alone: is a constant added, or float32 on the way?")
    factor = float(np.vdot(truth, got) / max(float(np.vdot(truth, truth)), 1e-300))
    if truth.size > 1 and factor and same(got, factor * truth):
        return _multiple(factor, comparison, general)
    apart = int(np.sum(~np.isclose(got, truth, rtol=1e-4, atol=1e-8)))
    return Mistake(general, otherwise or f"differs from the truth in {apart} of {truth.size} entries")


def _multiple(factor: float, comparison: Comparison, general: Cause) -> Mistake:
    batch = len(comparison.inputs["x"]) if np.ndim(comparison.inputs.get("x", 0)) else 1
    if general == causes.WRONG_GRADIENT and batch > 1:
        if np.isclose(factor * batch, 1, rtol=1e-3):
            return Mistake(
                causes.EXTRA_BATCH_MEAN, f"is divided by the batch size (B = {batch}) once too often"
            )
        if np.isclose(factor, batch, rtol=1e-3):
            return Mistake(causes.MISSING_BATCH_MEAN, f"is B = {batch} times what it should be")
    if general == causes.WRONG_GRADIENT and np.isclose(factor, -1, rtol=1e-3):
        return Mistake(causes.OPPOSITE_SIGN, "has the opposite sign")
    return Mistake(general, f"is {factor:.4g} times what it should be")
