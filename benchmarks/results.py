"""Rebuild README's table, that of docs/results.md and its picture from the records.

``results/`` is laid out as ``backproof reproduce`` lays out its runs, without their checkpoints.
"""

from collections.abc import Sequence
from pathlib import Path

import pages

from backproof.files import write_atomically
from backproof.report import (
    ablations,
    budgets,
    finished_runs,
    recipes_figure,
    search_figure,
    searches,
    summary,
    tables,
)
from backproof.report.finished_runs import FinishedRuns
from backproof.report.style import svg_on_white
from backproof.training.recipes import RECIPES
from backproof.training.record import RunRecord
from backproof.training.search.search_record import SearchRecord

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
SEARCHES = "results/searches"
BUDGETS = """
`--epochs` is the knob between time and accuracy:

![Accuracy of the best recipes over minutes of training](results/budgets.svg)
"""


def table(runs: FinishedRuns) -> str:
    """Return one row a recipe, and where the numbers come from."""
    lines = [
        "| recipe | what it is | test accuracy, last step | averaged over views | reference | seeds "
        "| seconds a run |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, records in runs.by_recipe.items():
        mean, plus, spread = summary.mean_and_std(summary.accuracies(records)).partition(" ")
        fast = " (bf16)" if records[0].config.get("precision") == "bf16" else ""
        lines.append(
            f"| `{name}`{fast} | {RECIPES[name].summary} | **{mean}**{plus}{spread} "
            f"| {summary.averaged(records)} | {RECIPES[name].reference} "
            f"| {summary.seeds(records)} | {summary.median_seconds(records):.0f} |"
        )
    some = [record for records in runs.by_recipe.values() for record in records]
    machine = some[-1].environment
    commits = sorted({(record.environment.commit or "")[:7] for record in some})
    known = {name: version for record in some for name, version in record.environment.versions.items()}
    versions = ", ".join(f"{name} {known[name]}" for name in ("python", "numpy", "torch"))
    lines += [
        "",
        f"Accuracies: mean ± sd over the seeds; seconds: the median. Reference: what the assignment, and one "
        "finished report of it, came to. Averaged: that of probabilities averaged over mirrored and shifted "
        "copies of each image, another thing than plain accuracy. "
        f"bf16: products in 16 bits. {machine.cores} cores of an "
        f"{machine.cpu}, shared with other work; "
        f"{versions}; commits {', '.join(commits)}. Records: [results](results).",
    ]
    return "\n".join(lines) + "\n"


def validated(records: Sequence[RunRecord]) -> str:
    """Return what was compared on validation images, best first."""
    lines = ["| recipe | changed | validation accuracy | validation loss |", "|---|---|---|---|"]
    compared = [record for record in records if not ablations.is_shorter(record)]
    for recipe, changed, accuracy, loss, _ in tables.validated(compared)["rows"]:
        lines.append(f"| `{recipe}` | {changed} | {accuracy} | {loss} |")
    return "\n".join(lines) + "\n"


def ingredients(records: Sequence[RunRecord]) -> str:
    """Return what each ingredient of the best recipes is worth, a table for each recipe."""
    lines = []
    for ablation in ablations.find(records):
        lines += [
            f"{ablation.sentence()}:",
            "",
            *markdown(ablation.table()),
            "",
        ]
    return "\n".join(lines)


def searched(records: Sequence[SearchRecord]) -> str:
    """Return what was searched and the best trials of it, beside the picture of each."""
    lines = []
    for search, shown in zip(records, searches.shown(records), strict=True):
        lines += [
            shown["sentence"],
            "",
            f"![History, importances and slices of the search](../{SEARCHES}/{search.recipe}/search.svg)",
            "",
            shown["caption"],
            "",
            *markdown(shown["table"]),
            "",
        ]
    return "\n".join(lines)


def markdown(table: tables.Table) -> list[str]:
    """Return a table's lines."""
    rows = [table["header"], ["---"] * len(table["header"]), *table["rows"]]
    return [f"| {' | '.join(row)} |" for row in rows]


def main() -> None:
    """Rebuild the tables and pictures of trainings, choices, searches, and what each ingredient is worth."""
    runs = finished_runs.find([RESULTS])
    pictures = {RESULTS / "accuracy.svg": recipes_figure.draw(runs.by_recipe)} | {
        ROOT / SEARCHES / search.recipe / "search.svg": search_figure.draw(search) for search in runs.searches
    }
    lengths = budgets.find(runs.by_recipe, runs.validated)
    if lengths:
        pictures[RESULTS / "budgets.svg"] = budgets.draw(lengths)
    for path, figure in pictures.items():
        write_atomically(path, svg_on_white(figure).encode())
    pages.replace(ROOT / "README.md", "trainings", table(runs) + (BUDGETS if lengths else ""))
    pages.replace(ROOT / "docs" / "results.md", "choices", validated(runs.validated))
    pages.replace(ROOT / "docs" / "results.md", "searches", searched(runs.searches))
    pages.replace(ROOT / "docs" / "results.md", "ingredients", ingredients(runs.validated))


if __name__ == "__main__":
    main()
