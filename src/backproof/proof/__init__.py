"""Derivatives that owe nothing to the code they judge, and equations that compute themselves."""

from backproof.gradcheck import (
    LayerFinding,
    LayerReport,
    Proven,
    assert_proven,
    central_difference,
    check_layer,
    complex_jacobian,
    complex_step,
    relative_error,
    taylor_order,
)

__all__ = [
    "LayerFinding",
    "LayerReport",
    "Proven",
    "assert_proven",
    "central_difference",
    "check_layer",
    "complex_jacobian",
    "complex_step",
    "relative_error",
    "taylor_order",
]
