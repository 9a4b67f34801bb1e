"""Equations and the figures of their proofs, as the templates show them."""

import math
from collections.abc import Sequence
from typing import Any

from backproof.proof.formula.equation import Equation
from backproof.proof.formula.notation import Derivative, Name
from backproof.proof.verdict import Proof


def shown(proofs: Sequence[Proof]) -> dict[str, dict[str, Any]]:
    """Return each equation by its label: steps, matrix form and shapes in Typst, and the proof's figures."""
    return {
        proof.equation.label: {
            "label": proof.equation.label,
            "steps": proof.equation.write_steps(),
            "plain": proof.equation.write_in_words(),
            "matrix": proof.equation.write_matrix("typst"),
            "plain_matrix": proof.equation.write_matrix("plain"),
            "shapes": shapes(proof.equation),
            "errors": figures(proof),
            "holds": proof.is_proven,
        }
        for proof in proofs
    }


def shapes(equation: Equation) -> list[str]:
    """Write each array's shape in Typst, those of one shape together."""
    together: dict[str, list[str]] = {}
    for name in equation.names:
        if name.sizes:
            whole = name.write_in_line() if isinstance(name, Derivative) else name.write_whole("typst")
            together.setdefault(_space(name), []).append(whole)
    return [f"{', '.join(names)} in {space}" for space, names in together.items()]


def _space(name: Name) -> str:
    return f"RR^({' times '.join(size.write('typst') for size in name.sizes)})"


def figures(proof: Proof) -> list[tuple[str, str]]:
    """Return each form's name and its largest relative error."""
    forms = [
        (name, _error(error))
        for name, error in (
            ("index", proof.index),
            ("matrices", proof.matrix),
            ("code", proof.code),
            ("PyTorch", proof.torch),
        )
        if error is not None
    ]
    if proof.order is not None:
        forms.append(("order", "exact" if proof.order == math.inf else f"{proof.order:.2f}"))
    return forms


def _error(error: float) -> str:
    return "0" if error == 0 else f"{error:.0e}".replace("e-", "e−")
