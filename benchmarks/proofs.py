"""Count in docs/proofs.md what is proven and which mistakes are noticed: python benchmarks/proofs.py."""

import textwrap
from pathlib import Path

import pages

from backproof.proof.equations import EQUATIONS
from backproof.proof.mutation import mutation_test
from backproof.proof.mutation.mutation_report import MutationReport
from backproof.proof.prove import prove

PAGE = Path(__file__).parents[1] / "docs" / "proofs.md"


def sentences(n_equations: int, report: MutationReport) -> str:
    """Say how many equations there are, and what became of the mutants."""
    by_kind = ", ".join(f"{kind.made:,} in {kind.name}" for kind in report.kinds)
    not_computed = sum(kind.not_computed for kind in report.kinds)
    text = (
        f"All {n_equations} equations are proven. Of {report.made:,} mistakes ({by_kind}), the proofs notice "
        f"{report.caught:,}: {report.caught - not_computed:,} by a wrong result, {not_computed:,} because "
        f"they cannot be computed at all. Another {len(report.equivalents)} changes have no effect on any "
        "result; the command prints why."
    )
    return textwrap.fill(text, width=120, break_on_hyphens=False) + "\n"


def main() -> None:
    """Prove and break everything, and write what came of it."""
    wrong = [label for label, equation in EQUATIONS.items() if not prove(equation).is_proven]
    report = mutation_test.run()
    if wrong or report.survivors:
        raise SystemExit("\n".join([*(f"not proven: {label}" for label in wrong), *report.lines()]))
    pages.replace(PAGE, "proofs", sentences(len(EQUATIONS), report))


if __name__ == "__main__":
    main()
