"""Matrix algebra has no broadcasting: a matrix form that only NumPy would take is not one."""

import numpy as np

from backproof.proof.formula import Formula, Operation
from backproof.proof.matrix_form import Matrices

_ENTRY_BY_ENTRY = ("+", "−", "⊙", "⊘", "branch")


def require_conformable(formula: Formula, at: Matrices) -> None:
    """Refuse unlike shapes where a formula works entry by entry (ValueError).

    Two exceptions: a scalar is added to each entry of a column, as in σ² + ε, and a branch has the same two
    values for all entries.
    """
    for part in formula.parts():
        require_conformable(part, at)
    if not isinstance(formula, Operation) or formula.operator not in _ENTRY_BY_ENTRY:
        return
    shapes = {np.shape(each.value(at)) for each in formula.operands}
    unlike = len(shapes - {()}) > 1
    scalar_beside_matrix = (
        formula.operator != "branch"
        and () in shapes
        and any(len(shape) == 2 and shape[1] > 1 for shape in shapes)
    )
    if unlike or scalar_beside_matrix:
        raise ValueError(f"{formula.write('plain')}: {formula.operator} joins shapes {shapes}")
