"""What the proofs of an equation found, and whether that is a proof."""

from dataclasses import dataclass

from backproof.proof.formula.equation import Equation

TOLERANCE = 1e-10
"""The largest relative error of what is right in 64-bit numbers; what is wrong errs by far more."""
_LEAST_ORDER = 1.9


@dataclass(frozen=True)
class Proof:
    """What the proofs of one equation found: each number is the worst of all samples."""

    equation: Equation
    shapes: str
    """Of the arrays that its left side and its result are made of, in the first sample."""
    index: float
    """Largest relative error of any step in index form."""
    matrix: float
    code: float
    torch: float | None
    """None where torch itself is what the others are compared with."""
    order: float | None
    """Of the Taylor remainder with the code's gradient: 2 and more is right, 1 is wrong. For gradients."""
    not_computing: tuple[str, ...] = ()
    """Functions whose docstring carries the label, though nothing that was compared comes from them."""

    @property
    def worst(self) -> float:
        """Return the largest relative error of all forms."""
        errors = (self.index, self.matrix, self.code, self.torch)
        return max(error for error in errors if error is not None)

    @property
    def is_proven(self) -> bool:
        """Tell whether every form is right, and the code that of the functions which carry the label."""
        order_is_right = self.order is None or self.order >= _LEAST_ORDER
        return self.worst <= TOLERANCE and order_is_right and not self.not_computing
