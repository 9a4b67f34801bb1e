"""Equations that compute and write themselves, the code that is compared with them, and the mutation test.

May import numpy_nn, torch_nn and gradcheck; never training, data, report, checker or cli.
"""

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
