"""Compare a value of the submission with the exact one: the error, its tolerance, and the worst entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from backproof.arrays import Array
from backproof.checker.check_report import Evidence

FLOOR = 1e-3
TOLERANCE = 1e-5
"""For float64: some add a constant as small as 1e-7 to a sum, against a division by zero."""
FLOAT32_TOLERANCE = 2e-4
_SHOWN = 4096
"""Inputs of more numbers are not written into the evidence."""


def error_against(got: Array, truth: Array, floor: float = FLOOR) -> float:
    """Return the largest difference over the largest true value, which counts as ``floor`` at least.

    Infinite where shapes differ or anything is not finite. ``relative_error`` of backproof.gradcheck compares
    two values of which neither counts as true: it divides by the largest entry of either.
    """
    if got.shape != truth.shape or not np.isfinite(got).all():
        return float("inf")
    if not truth.size:
        return 0.0
    difference = np.abs(np.asarray(got, np.float64) - truth)
    return float(np.max(difference) / max(float(np.max(np.abs(truth))), floor))


def tolerance(*arrays: Array) -> float:
    """Return the relative error allowed: float32's where it takes part, float64's otherwise."""
    return FLOAT32_TOLERANCE if any(array.dtype == np.float32 for array in arrays) else TOLERANCE


@dataclass(frozen=True)
class Comparison:
    """A value of the submission, the exact one, and the inputs of both."""

    parameter: str
    """What it is, in the submission's words: grads['bias']."""
    got: Array
    truth: Array
    inputs: Mapping[str, Array] = field(default_factory=dict)
    allowed: float = TOLERANCE
    """The relative error that passes for rounding."""

    @property
    def error(self) -> float:
        """The relative error."""
        return error_against(self.got, self.truth)

    @property
    def right(self) -> bool:
        """Tell whether the value is right within its dtype's precision."""
        return self.error <= self.allowed

    @property
    def symptom(self) -> str:
        """The kind of error: a smaller case shows the same mistake if its kind is the same."""
        if self.right:
            return "right"
        if self.got.shape != self.truth.shape:
            return "shape"
        return "value" if np.isfinite(self.got).all() else "not finite"

    def evidence(self) -> Evidence:
        """Return the worst entry with everything that is needed to see it again."""
        shapes = {name: list(np.shape(array)) for name, array in self.inputs.items()}
        inputs = {name: np.asarray(v).tolist() for name, v in self.inputs.items() if np.size(v) <= _SHOWN}
        if self.got.shape != self.truth.shape:
            expected, got = (f"shape {array.shape}" for array in (self.truth, self.got))
            return Evidence(
                parameter=self.parameter, expected=expected, got=got, shapes=shapes, inputs=inputs
            )
        difference = np.abs(np.asarray(self.got, np.float64) - self.truth)
        worst = np.unravel_index(
            np.where(np.isfinite(difference), difference, np.inf).argmax(), self.got.shape
        )
        due, value = float(self.truth[worst]), float(self.got[worst])
        return Evidence(
            parameter=self.parameter,
            index=[int(i) for i in worst],
            expected=due if isfinite(due) else None,
            got=value if isfinite(value) else str(value),  # JSON has no infinity
            shapes=shapes,
            inputs=inputs,
            relative_error=self.error if isfinite(self.error) else None,
        )
