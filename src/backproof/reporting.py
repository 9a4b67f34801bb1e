"""From runs to the report: every equation proven, every mutant made, then the pages are set."""

from collections.abc import Sequence
from pathlib import Path

from backproof.output import say
from backproof.proof.equations import EQUATIONS
from backproof.proving import mutants
from backproof.proving.prove import SAMPLES, prove
from backproof.report import content, render, trainings


def write(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write report.html and report.pdf into ``out`` and return their paths (RunError, ConfigError).

    ``runs`` are searched for finished runs; every recipe needs one at least.
    """
    found = trainings.find(runs)
    say(f"\nproving {len(EQUATIONS)} equations, then breaking them and the code, one place at a time")
    proofs = [prove(equation) for equation in EQUATIONS.values()]
    broken = mutants.run()
    say(
        f"{sum(proof.holds for proof in proofs)} proven; {broken.caught:,} of {broken.made:,} mistakes caught"
    )
    mutation = content.Mutation(
        rows=[
            (kind.name, kind.made, kind.caught, kind.not_computed, len(kind.equivalents))
            for kind in broken.kinds
        ],
        same=[f"{each.where}: {each.change} ({each.reason})" for each in broken.equivalents],
    )
    return render.write(out, content.build(found, proofs, SAMPLES, mutation))
