"""Where a report's numbers come from: data, machine, versions, commits."""

from collections.abc import Iterable

from backproof import __version__
from backproof.data.registry import DATASETS
from backproof.report.trainings import Trainings
from backproof.training.record import RunRecord

_NAMED = ("python", "numpy", "torch", "backproof")


def data_set(name: str) -> str:
    """Say what the networks were trained on, and where they were scaled down for it."""
    scaled_down = (
        ", with networks scaled down for them: the numbers show that everything works, not what the "
        "assignment's networks reach"
    )
    return f"{DATASETS[name].summary}{scaled_down if DATASETS[name].small else ''}"


def lines(trainings: Trainings) -> list[str]:
    """Say it in sentences."""
    runs = [record for records in trainings.recipes.values() for record in records]
    compared = trainings.choices
    said = [f"Data: {data_set(trainings.data)}."]
    said += _each("Machine", (f"{run.environment.cores} cores of {run.environment.cpu}" for run in runs))
    said += _each("Computed by", (run.environment.device for run in runs))
    said += _each("Versions", (_versions(run) for run in runs))
    said += _each("Trained at commit", (_commit(run) for run in runs))
    said += _each("Compared on images set aside, trained at commit", (_commit(run) for run in compared))
    seconds = sum(run.seconds for run in [*runs, *compared])
    said.append(f"Training took {seconds:,.0f} seconds in all, over {len(runs) + len(compared)} runs.")
    return [*said, f"The report was made by backproof {__version__}."]


def _each(what: str, values: Iterable[str]) -> list[str]:
    return [f"{what}: {each}." for each in dict.fromkeys(values)]


def _versions(run: RunRecord) -> str:
    versions = run.environment.versions
    return ", ".join(f"{name} {versions[name]}" for name in _NAMED if name in versions)


def _commit(run: RunRecord) -> str:
    return run.environment.commit or "none, an installed package"
