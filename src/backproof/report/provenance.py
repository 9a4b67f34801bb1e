"""Where a report's numbers come from: data, machine, versions, commits."""

from collections.abc import Iterable

from backproof import __version__
from backproof.data.registry import DATASETS
from backproof.report.finished_runs import FinishedRuns
from backproof.training.record import RunRecord
from backproof.training.search.search_record import SearchRecord

_NAMED = ("python", "numpy", "torch", "backproof")


def data_set(name: str) -> str:
    """Write what the networks were trained on, and where that is so little that they were scaled down."""
    scaled_down = (
        ", with networks scaled down for them: the numbers show that everything works, not what the "
        "assignment's networks reach"
    )
    return f"{DATASETS[name].summary}{scaled_down if DATASETS[name].small else ''}"


def provenance_sentences(runs: FinishedRuns) -> list[str]:
    """Return where the report's numbers come from, a sentence each."""
    tested = [record for records in runs.by_recipe.values() for record in records]
    validated = runs.validated
    sentences = [f"Data: {data_set(runs.data)}."]
    sentences += _distinct(
        "Machine", (f"{run.environment.cores} cores of {run.environment.cpu}" for run in tested)
    )
    sentences += _distinct("Computed by", (run.environment.device for run in tested))
    sentences += _distinct("Versions", (_versions(run) for run in tested))
    sentences += _distinct("Trained at commit", (_commit(run) for run in tested))
    sentences += _distinct(
        "Compared on the validation set, trained at commit", (_commit(run) for run in validated)
    )
    sentences += _distinct("Searched at commit", (_commit(search) for search in runs.searches))
    seconds = sum(run.seconds for run in [*tested, *validated])
    sentences.append(
        f"Training took {seconds:,.0f} seconds in all, over {len(tested) + len(validated)} runs."
    )
    return [*sentences, f"The report was made by backproof {__version__}."]


def _distinct(what: str, values: Iterable[str]) -> list[str]:
    return [f"{what}: {value}." for value in dict.fromkeys(values)]


def _versions(run: RunRecord) -> str:
    versions = run.environment.versions
    return ", ".join(f"{name} {versions[name]}" for name in _NAMED if name in versions)


def _commit(run: RunRecord | SearchRecord) -> str:
    return run.environment.commit or "none, an installed package"
