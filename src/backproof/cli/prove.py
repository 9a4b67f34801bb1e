"""backproof prove: every form of every equation, against a derivative that none of them wrote."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from backproof.proof.formula.equation import Equation
    from backproof.proof.prove import Proof

SOMETHING_WRONG = 1
_COLUMNS = f"{'label':28}{'index':>8}{'matrix':>8}{'code':>8}{'torch':>8}{'order':>8}   verdict"


@click.command(short_help="Prove every equation, or those of LABEL, in this very code.")
@click.argument("labels", nargs=-1, metavar="[LABEL]...")
@click.option(
    "--mutants", is_flag=True, help="break equations and code, one place at a time, and count what is caught"
)
def prove(labels: tuple[str, ...], mutants: bool) -> int:
    """Prove every equation of the derivations; LABEL is one of them (linear.dW), or a family (bn).

    Each is evaluated in float64 at random points of random shapes: every step of its index form taken
    literally, its matrix form, and what the layers' code computes. All are compared with the complex step,
    which none of them wrote, or with PyTorch where the equation is a definition. The columns show the largest
    relative errors; order is that of the Taylor remainder with the code's gradient: 2 if right, 1 if not.
    """
    from backproof.cli.output import say
    from backproof.training.torch_import import import_with_torch

    proving = import_with_torch("backproof.proof.prove", "backproof prove")
    chosen = proving.choose(labels)
    say(_COLUMNS)
    proofs = []
    for equation in chosen:
        proof = proving.prove(equation)
        proofs.append(proof)
        say(_row(proof))
    wrong = [proof.equation.label for proof in proofs if not proof.is_proven]
    worst = max(proof.worst for proof in proofs)
    verdict = f"not proven: {', '.join(wrong)}" if wrong else f"{len(proofs)} proven"
    say(f"{verdict}; worst relative error {worst:.0e}, at most {proving.TOLERANCE:.0e} is allowed")
    if mutants and _survivors(chosen):
        return SOMETHING_WRONG
    return SOMETHING_WRONG if wrong else 0


def _row(proof: "Proof") -> str:
    """Write one proof in two lines."""
    errors = "".join(
        f"{'judge' if error is None else format(error, '.0e') if error else '0':>8}"
        for error in (proof.index, proof.matrix, proof.code, proof.torch)
    )
    order = "" if proof.order is None else "exact" if proof.order == math.inf else f"{proof.order:.2f}"
    verdict = "proven" if proof.is_proven else "NOT PROVEN"
    if proof.not_computing:
        verdict += f": its label stands in {', '.join(proof.not_computing)}, which does not compute it"
    return (
        f"{proof.equation.label:28}{errors}{order:>8}   {verdict}\n"
        f"    {proof.equation.write('plain')}\n    {proof.shapes}"
    )


def _survivors(equations: "Sequence[Equation]") -> int:
    """Run the mutation test, say what it found, and return how many mutants no proof caught."""
    from backproof.cli.output import say
    from backproof.proof.mutation import mutation_test

    report = mutation_test.run(equations)
    for line in report.lines():
        say(line)
    return len(report.survivors)
