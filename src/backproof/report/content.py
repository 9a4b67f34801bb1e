"""All that the templates show: figures, tables, sentences with numbers, equations with their proofs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backproof.proof.verdict import TOLERANCE, Proof
from backproof.report import (
    ablations,
    captioned_figures,
    equations,
    figure_comments,
    provenance,
    searches,
    summary,
    tables,
)
from backproof.report.finished_runs import FinishedRuns
from backproof.training.recipes import report_entries


@dataclass(frozen=True)
class MutationSummary:
    """The result of the mutation test."""

    rows: Sequence[tuple[str, int, int, int, int]]
    """What was broken: in how many places; how many of these a proof caught, and how many of the caught could
    not even be computed; how many more changed no result.
    """
    same: Sequence[str]
    """Those that changed no result, and why."""


def build(
    runs: FinishedRuns, proofs: Sequence[Proof], samples: int, mutation: MutationSummary
) -> dict[str, Any]:
    """Return the report's content; ``samples`` are the random points of each proof."""
    recipes = runs.by_recipe
    entries = report_entries()
    compared = [run for run in runs.validated if not ablations.is_shorter(run)]
    figures = {
        **captioned_figures.curves(runs),
        **captioned_figures.insights(runs),
        **captioned_figures.searches(runs),
    }
    return {
        "title": "Backpropagation, derived, written by hand, and proven",
        "author": "backproof",
        "summary": (
            "A multi-layer perceptron in NumPy and its twin in PyTorch, batch normalization with a "
            f"hand-written backward pass, and a convolutional network, on {provenance.data_set(runs.data)}. "
            + _claim(proofs)
        ),
        "spread": "Accuracies are those of the last step; mean ± standard deviation over the seeds.",
        "settings": {name: _settings(records[0].config) for name, records in recipes.items()},
        "results": {name: summary.sentence(records) for name, records in recipes.items()},
        "modifications": tables.modifications(recipes),
        "convnet_changes": tables.changed(recipes["convnet"][0].config, recipes["convnet-best"][0].config),
        "discussion": summary.discussion(recipes, runs.data),
        "overfitting": {name: summary.overfitting_sentence(recipes[name]) for name in entries},
        "validation_size": f"{runs.validated[0].config['validation_size']:,}" if runs.validated else "",
        "validated": tables.validated(compared),
        "ablations": [
            {"sentence": each.sentence(), **each.table()} for each in ablations.find(runs.validated)
        ],
        "table": tables.results(recipes, runs.data),
        "searches": searches.shown(runs.searches),
        "modification_curves": [name for name, entry in entries.items() if entry.caption and entry.reason],
        "other_curves": [name for name, entry in entries.items() if entry.caption and not entry.reason],
        "weights": figure_comments.weights(runs),
        "gradients": figure_comments.gradients(runs),
        "confusion": figure_comments.confusion(runs),
        "figures": figures,
        "equations": equations.shown(proofs),
        "proofs": {"samples": samples, "text": _proven(proofs), **_mutation(mutation)},
        "origin": provenance.provenance_sentences(runs),
    }


def _settings(config: Mapping[str, Any]) -> dict[str, str]:
    return {name: tables.value(value) for name, value in config.items()}


def _claim(proofs: Sequence[Proof]) -> str:
    if all(proof.is_proven for proof in proofs):
        return "Every numbered equation in this report was evaluated and proven when it was made."
    return "NOT every equation in this report is proven: the section on the proofs says which."


def _proven(proofs: Sequence[Proof]) -> str:
    """Write what was proven, and how well."""
    wrong = [proof.equation.label for proof in proofs if not proof.is_proven]
    verdict = f"Not proven: {', '.join(wrong)}." if wrong else f"All {len(proofs)} equations are proven."
    worst = max(proof.worst for proof in proofs)
    order = min(proof.order for proof in proofs if proof.order is not None)
    return (
        f"{verdict} The largest relative error of any form of any equation is {worst:.0e}, where at most "
        f"{TOLERANCE:.0e} is allowed; the smallest order of a Taylor remainder is {order:.2f}."
    )


def _mutation(mutation: MutationSummary) -> dict[str, Any]:
    """Write how many mistakes were made and caught."""
    made, caught = sum(row[1] for row in mutation.rows), sum(row[2] for row in mutation.rows)
    return {
        "mutation": (
            "Would a mistake be found? Each sign, index and factor was broken, one at a time, in the "
            "equations as they are printed here and in the functions that compute them: "
            f"{caught:,} of {made:,} mistakes were caught, {caught / made:.1%}."
        ),
        "mutants": [[what, *(f"{count:,}" for count in counts)] for what, *counts in mutation.rows],
        "same": list(mutation.same),
    }
