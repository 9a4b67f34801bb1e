"""Matrix algebra has no broadcasting: a matrix form that only NumPy would take is not one."""

import numpy as np

from backproof.proof.formula.expression import Formula, Operation
from backproof.proof.formula.matrix_form import MatrixContext

_ENTRY_BY_ENTRY = ("+", "−", "⊙", "⊘", "branch")
_ONE = ((), (1, 1))


def require_conformable(formula: Formula, context: MatrixContext) -> None:
    """Refuse unlike shapes where a formula works entry by entry (ValueError).

    Two exceptions: a scalar is added to each entry of a column, as in σ² + ε, and a branch has the same two
    values for all entries.
    """
    for part in formula.parts():
        require_conformable(part, context)
    if not isinstance(formula, Operation):
        return
    if formula.operator in ("·", "/"):
        _require_a_number(formula, context)
    if formula.operator not in _ENTRY_BY_ENTRY:
        return
    shapes = {np.shape(operand.value(context)) for operand in formula.operands}
    unlike = len(shapes - {()}) > 1
    scalar_beside_matrix = (
        formula.operator != "branch"
        and () in shapes
        and any(len(shape) == 2 and shape[1] > 1 for shape in shapes)
    )
    if unlike or scalar_beside_matrix:
        raise ValueError(f"{formula.write('plain')}: {formula.operator} joins shapes {shapes}")


def _require_a_number(formula: Operation, context: MatrixContext) -> None:
    """Refuse a product or a quotient of two matrices, which would be taken entry by entry."""
    left, right = (np.shape(operand.value(context)) for operand in formula.operands)
    if right not in _ONE and (formula.operator == "/" or left not in _ONE):
        raise ValueError(f"{formula.write('plain')}: {formula.operator} joins shapes {left} and {right}")
