"""Derivatives that owe nothing to the code they judge."""

from backproof.proof.derivatives import central_difference, complex_step, relative_error

__all__ = ["central_difference", "complex_step", "relative_error"]
