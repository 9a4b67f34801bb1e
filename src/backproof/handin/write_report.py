"""From runs to the report: every equation proven, every mutant made, then the pages are written."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backproof.errors import RunError
from backproof.proof.equations import EQUATIONS
from backproof.proof.mutation import mutation_test
from backproof.proof.prove import SAMPLES, prove
from backproof.report import content, finished_runs, render


@dataclass(frozen=True)
class WrittenReport:
    """A report that has been written."""

    paths: list[Path]
    not_proven: list[str]
    """Equations by label, and mutants that no proof caught."""


def make_folder(out: Path) -> None:
    """Make the report's folder, before the work that it is for (RunError)."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot write the report into {out}: {error.strerror}; choose another --out"
        ) from None


def write(folders: Sequence[Path], out: Path, say: Callable[[str], None]) -> WrittenReport:
    """Write report.html and report.pdf into ``out`` (RunError), telling ``say`` what it does.

    ``folders`` are searched for finished runs; every recipe with a place in the report needs one at least.
    """
    runs = finished_runs.find(folders)
    make_folder(out)
    say(f"\nproving {len(EQUATIONS)} equations, then breaking them and the code, one place at a time")
    proofs = [prove(equation) for equation in EQUATIONS.values()]
    broken = mutation_test.run()
    say(
        f"{sum(proof.is_proven for proof in proofs)} proven; "
        f"{broken.caught:,} of {broken.made:,} mistakes caught"
    )
    mutation = content.MutationSummary(
        rows=[
            (kind.name, kind.made, kind.caught, kind.not_computed, len(kind.equivalents))
            for kind in broken.kinds
        ],
        same=[
            f"{mutant.where}: {mutant.change}{f', {count} times' if count > 1 else ''} ({mutant.reason})"
            for mutant, count in Counter(broken.equivalents).items()
        ],
    )
    paths = render.write(out, content.build(runs, proofs, SAMPLES, mutation))
    not_proven = [proof.equation.label for proof in proofs if not proof.is_proven]
    survivors = [f"{mutant.where} ({mutant.change})" for mutant in broken.survivors]
    return WrittenReport(paths, not_proven + survivors)
