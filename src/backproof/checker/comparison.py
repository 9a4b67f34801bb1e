"""Hold a value of the submission against the truth: how far they are apart, may be, and where most."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from backproof.checker.calls import Array
from backproof.checker.check_report import Evidence

FLOOR = 1e-3
TOLERANCE = 1e-5
"""For float64: some add a constant as small as 1e-7 to a sum, against a division by zero."""
FLOAT32_TOLERANCE = 2e-4
_SHOWN = 4096
"""Inputs of more numbers are not written into the evidence."""


def error_against(got: Array, truth: Array, floor: float = FLOOR) -> float:
    """Return the largest difference over the largest true value, which counts as ``floor`` at least.

    Infinite where shapes differ or anything is not finite.
    """
    if got.shape != truth.shape or not np.isfinite(got).all():
        return float("inf")
    if not truth.size:
        return 0.0
    difference = np.abs(np.asarray(got, np.float64) - truth)
    return float(np.max(difference) / max(float(np.max(np.abs(truth))), floor))


def tolerance(*arrays: Array) -> float:
    """Return the relative error allowed: float32's where it takes part; nothing shorter will do."""
    return FLOAT32_TOLERANCE if any(each.dtype == np.float32 for each in arrays) else TOLERANCE


@dataclass(frozen=True)
class Comparison:
    """A value of the submission beside the truth, with all that went into it."""

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
        """Of what kind the error is, roughly: for telling whether a smaller case shows the same."""
        if self.right:
            return "right"
        if self.got.shape != self.truth.shape:
            return "shape"
        return "value" if np.isfinite(self.got).all() else "not finite"

    def evidence(self) -> Evidence:
        """Return the worst entry with everything that is needed to see it again."""
        shapes = {name: list(np.shape(each)) for name, each in self.inputs.items()}
        inputs = {name: np.asarray(v).tolist() for name, v in self.inputs.items() if np.size(v) <= _SHOWN}
        if self.got.shape != self.truth.shape:
            expected, got = (f"shape {each.shape}" for each in (self.truth, self.got))
            return Evidence(
                parameter=self.parameter, expected=expected, got=got, shapes=shapes, inputs=inputs
            )
        difference = np.abs(np.asarray(self.got, np.float64) - self.truth)
        worst = np.unravel_index(
            np.where(np.isfinite(difference), difference, np.inf).argmax(), self.got.shape
        )
        due, found = float(self.truth[worst]), float(self.got[worst])
        return Evidence(
            parameter=self.parameter,
            index=[int(i) for i in worst],
            expected=due if isfinite(due) else None,
            got=found if isfinite(found) else str(found),  # JSON has no infinity
            shapes=shapes,
            inputs=inputs,
            relative_error=self.error if isfinite(self.error) else None,
        )
