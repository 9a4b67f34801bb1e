"""Numerical derivatives, and one layer's backward pass compared with those of its own forward pass.

No layer of this project, and no framework, may be imported here.
"""

from backproof.gradcheck.check_layer import assert_proven, check_layer
from backproof.gradcheck.derivatives import (
    central_difference,
    complex_jacobian,
    complex_step,
    relative_error,
    taylor_order,
)
from backproof.gradcheck.layer_report import CauseName, LayerFinding, LayerReport, Proven

__all__ = [
    "CauseName",
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
