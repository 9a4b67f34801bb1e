"""Derivatives that owe nothing to the code they judge, and equations that compute themselves."""

from backproof.proof.derivatives import (
    central_difference,
    complex_jacobian,
    complex_step,
    relative_error,
    taylor_order,
)

__all__ = ["central_difference", "complex_jacobian", "complex_step", "relative_error", "taylor_order"]
