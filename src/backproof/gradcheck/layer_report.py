"""What the check of one layer found: for people as text, for programs as values."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite


class CauseName(StrEnum):
    """What a finding can be: a mistake, or a note on how the check went."""

    WRONG_GRADIENT = "wrong gradient"
    WRONG_SHAPE = "wrong shape"
    MISSING_BATCH_MEAN = "missing 1/B"
    EXTRA_BATCH_MEAN = "extra 1/B"
    OPPOSITE_SIGN = "opposite sign"
    UPSTREAM_IGNORED = "upstream gradient ignored"
    WEIGHT_TRANSPOSED = "weight transposed"
    BIAS_OVER_WRONG_AXIS = "bias summed over the wrong axis"
    OUTER_PRODUCT_MISSING = "softmax's outer product missing"
    INPUT_CHANGED_IN_PLACE = "input changed in place"
    STATE_LEAKS = "state leaks between calls"
    NONDETERMINISM = "nondeterminism"
    DTYPE_PROMOTED = "dtype promoted"
    NOTHING_CHECKED = "nothing checked"
    KINK = "kink"
    UNSUITABLE_STEP = "unsuitable step"
    ONE_X_ONLY = "one x only"
    ONE_VALUE_ONLY = "one value only"


NOTES = (CauseName.KINK, CauseName.UNSUITABLE_STEP, CauseName.ONE_X_ONLY, CauseName.ONE_VALUE_ONLY)
"""These blame nothing."""


@dataclass(frozen=True)
class LayerFinding:
    """One thing that a check of a layer found."""

    cause: CauseName
    message: str
    """One line for people."""
    parameter: str = ""
    """What it is about: dx, grads['weight'], y …"""
    index: tuple[int, ...] | None = None
    """The worst entry."""
    expected: float | None = None
    """The derivative of the forward pass there."""
    got: float | None = None
    """What backward gives there."""
    shape: tuple[int, ...] = ()
    """Of the smallest x that still shows it."""
    rerun: str = ""
    """The call that shows it on that x."""

    @property
    def is_wrong(self) -> bool:
        """Tell whether the layer is to blame."""
        return self.cause not in NOTES

    @property
    def kind(self) -> tuple[CauseName, str]:
        """What makes a finding in a smaller case the same."""
        return self.cause, self.parameter

    def __str__(self) -> str:
        """Write cause and message, and of something wrong both values and how to see it again."""
        lines = [f"{self.cause}: {self.message}"]
        if self.index is not None and self.expected is not None and self.got is not None:
            entry = self.parameter + (f"[{', '.join(map(str, self.index))}]" if self.index else "")
            lines.append(f"worst at {entry}: expected {self.expected:.8g} by forward, got {self.got:.8g}")
        if self.is_wrong and self.rerun:
            lines.append(f"smallest case: x of shape {self.shape}; again: {self.rerun}")
        return "\n    ".join(lines)


@dataclass(frozen=True)
class Proven:
    """How well a gradient agrees with the derivative of its layer's forward pass."""

    entries: int
    """At how many indices it was compared."""
    relative_error: float
    order: float
    """Of the Taylor remainder along a random direction: about 2 or more if the gradient is right, infinite
    where there is no remainder, NaN where float32's rounding hides it."""
    method: str
    """Complex step, central differences, or central differences in float32."""

    def __str__(self) -> str:
        """Write it in one line."""
        order = f", Taylor order {self.order:.3g}" if isfinite(self.order) else ""
        return f"{self.entries} entries, relative error {self.relative_error:.1e}{order} ({self.method})"


@dataclass(frozen=True)
class LayerReport:
    """All that was found of one layer."""

    layer: str
    checked: dict[str, Proven]
    findings: tuple[LayerFinding, ...]
    not_checked: tuple[str, ...] = ()
    """What backward does not give: dx, where it returns None."""

    @property
    def ok(self) -> bool:
        """Tell whether gradients were compared and nothing is wrong: no gradient at all is a failure."""
        return bool(self.checked) and not any(finding.is_wrong for finding in self.findings)

    def __str__(self) -> str:
        """Write the verdict, a line for every gradient, and every finding."""
        lines = [f"{self.layer}: {'proven' if self.ok else 'WRONG'}"]
        lines += [f"  {label}: {proven}" for label, proven in self.checked.items()]
        lines += [f"  {label}: not returned, not checked" for label in self.not_checked]
        lines += [f"  {finding}" for finding in self.findings]
        return "\n".join(lines)
