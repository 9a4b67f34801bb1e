"""Rebuild README's table of trainings and its picture from the records: python benchmarks/results.py.

``results/RECIPE/seed-N.json`` is the record of a run; ``results/choices/*.json`` are those of modifications
that were compared on validation images.
"""

import statistics
from pathlib import Path

import msgspec
import readme

from backproof.recipes import RECIPES
from backproof.record import RunRecord
from backproof.report import comparison

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
REFERENCE = {
    "mlp-numpy": "0.46",
    "mlp-torch": "0.46",
    "mlp-deep-adam": "0.50",
    "mlp-deep-adam-3000": "0.50 … 0.52",
    "mlp-deep-l2": "0.52",
    "mlp-deep-batchnorm": "0.54",
    "convnet": "0.75",
}
"""What the assignment, and one finished report of it, came to."""


def read(folder: Path) -> list[RunRecord]:
    """Read a folder's records in the order of their names."""
    return [msgspec.json.decode(path.read_bytes(), type=RunRecord) for path in sorted(folder.glob("*.json"))]


def table(recipes: dict[str, list[RunRecord]]) -> str:
    """Return one row a recipe, and where the numbers come from."""
    lines = [
        "| recipe | what it is | test accuracy, last step | reference | seeds | seconds a run |",
        "|---|---|---|---|---|---|",
    ]
    for name, records in recipes.items():
        accuracies = [record.final["test_accuracy"] for record in records]
        spread = f" ± {statistics.stdev(accuracies):.3f}" if len(records) > 1 else ""
        seeds = ", ".join(str(record.seed) for record in records)
        fast = " (bf16)" if records[0].config.get("precision") == "bf16" else ""
        lines.append(
            f"| `{name}`{fast} | {RECIPES[name].summary} | **{statistics.mean(accuracies):.3f}**{spread} "
            f"| {REFERENCE[name]} | {seeds} | {statistics.median(record.seconds for record in records):.0f} |"
        )
    some = [record for records in recipes.values() for record in records]
    machine = some[-1].environment
    commits = sorted({(record.environment.commit or "")[:7] for record in some})
    versions = ", ".join(
        f"{name} {version}"
        for name, version in machine.versions.items()
        if name in ("python", "numpy", "torch")
    )
    lines += [
        "",
        f"Mean ± sd over the seeds; {machine.cores} cores of an {machine.cpu}, shared with other work; "
        f"{versions}; commits {', '.join(commits)}. Records: [results](results).",
    ]
    return "\n".join(lines) + "\n"


def choices(records: list[RunRecord]) -> str:
    """Return what was compared on validation images, best first."""
    lines = ["| recipe | changed | validation accuracy | validation loss |", "|---|---|---|---|"]
    for record in sorted(records, key=lambda record: -record.final["validation_accuracy"]):
        names = ("optimizer", "weight_decay", "batch_norm")
        changed = ", ".join(f"{name} {record.config[name]}" for name in names)
        final = record.final
        lines.append(
            f"| `{record.recipe}` | {changed} | {final['validation_accuracy']:.4f} "
            f"| {final['validation_loss']:.4f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rebuild the table, the picture, and the list of choices."""
    recipes = {name: read(RESULTS / name) for name in RECIPES if (RESULTS / name).is_dir()}
    comparison.draw(recipes).savefig(RESULTS / "accuracy.svg", metadata={"Date": None})
    readme.replace(ROOT / "README.md", "trainings", table(recipes))
    readme.replace(ROOT / "README.md", "choices", choices(read(RESULTS / "choices")))


if __name__ == "__main__":
    main()
