"""Runs for the report's tests: every recipe, made up, in the layout that reproduce gives them."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from backproof.training import predictions, record
from backproof.training.predictions import Predictions
from backproof.training.recipes import RECIPES, report_entries
from backproof.training.record import Environment, Evaluation, RunRecord
from backproof.training.search import search_record
from backproof.training.search.search_record import SearchedTrial, SearchRecord

CLASSES = tuple("0123456789")


def make_record(recipe: str, seed: int, **settings: Any) -> RunRecord:
    """A run of three evaluations, whose accuracy depends on recipe and seed."""
    config = RECIPES[recipe].settings_of(
        RECIPES[recipe].configure({"data": "digits", "seed": seed, **settings})
    )
    part = "validation" if config["validation_size"] else "test"
    shown = list(report_entries())
    level = 0.5 + 0.03 * (shown.index(recipe) if recipe in shown else len(shown)) + 0.01 * seed
    curves = [
        Evaluation(
            step=step,
            train_loss=2.0 - number / 2,
            train_accuracy=level + 0.02 * number,
            gradient_norms={"linear1": 1.5 / number, "linear2": 0.5 / number},
            **{f"{part}_loss": 2.1 - number / 2, f"{part}_accuracy": level + 0.01 * number},
        )
        for number, step in enumerate((10, 20, 30), start=1)
    ]
    return RunRecord(
        recipe=recipe, config=config, curves=curves, final=curves[-1].metrics(), seconds=3.0 + seed,
        images_per_second=100.0, peak_rss_mb=None, seed=seed,
        environment=Environment(
            versions={"python": "3.11.7", "numpy": "2.4.6", "torch": "2.13.0"}, platform="",
            cpu="a processor", cores=2, threads={}, commit="0123456789abcdef",
        ),
    )  # fmt: skip


def make_predictions(n: int = 40) -> Predictions:
    """Answers of which every fourth is wrong."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 10, n)
    answers = np.where(np.arange(n) % 4 == 0, (labels + 1) % 10, labels)
    wrong = np.flatnonzero(answers != labels)[:6]
    return Predictions(
        CLASSES,
        labels,
        answers,
        rng.uniform(0.5, 1, n).astype(np.float32),
        wrong,
        rng.integers(0, 256, (len(wrong), 3, 32, 32), dtype=np.uint8),
        rng.normal(size=(8, 3, 32, 32)).astype(np.float16),
    )


def make_search(n: int = 12, data: str = "digits") -> SearchRecord:
    """A search of which the last trial failed, the others' accuracies rise, and every third finished."""
    run = make_record("mlp-torch", 0, validation_size=143, data=data)
    trials = []
    for number in range(n):
        state: Any = "failed" if number == n - 1 else "stopped early" if number % 3 else "finished"
        decay = 0.01 * (number % 2)
        trials.append(
            SearchedTrial(
                number=number,
                values={
                    "learning_rate": 1e-3 * (number + 1),
                    "hidden": ("100", "200,200")[number % 2],
                    "decay": f"weight_decay={decay} optimizer=adamw",
                },
                settings={
                    "learning_rate": 1e-3 * (number + 1),
                    "hidden": ("100", "200,200")[number % 2],
                    "weight_decay": decay,
                    "optimizer": "adamw",
                },
                state=state,
                curve=[(10, 0.5 + 0.01 * number)],
                seconds=2.0,
                reason="the training loss at step 11 is nan" if state == "failed" else "",
            )
        )
    return SearchRecord(
        recipe="mlp-torch", config=run.config, trials_planned=n, trials=trials,
        space={
            "learning_rate": {"log": [1e-4, 1e-1]}, "hidden": ["100", [200, 200]],
            "decay": [{"weight_decay": decay, "optimizer": "adamw"} for decay in (0.0, 0.01)],
        },
        importances={"learning_rate": 0.8, "decay": 0.15, "hidden": 0.05} if n >= 8 else {},
        environment=run.environment,
    )  # fmt: skip


def save(folder: Path, run: RunRecord, kept: Predictions | None = None) -> Path:
    """Write a finished run's folder."""
    folder.mkdir(parents=True)
    record.write(folder, run)
    if kept is not None:
        predictions.write(folder, kept)
    return folder


def save_all(folder: Path) -> Path:
    """Write runs of every recipe, two seeds of the first two, two that were compared, and a search."""
    for name, recipe in RECIPES.items():
        if recipe.in_report is None:
            continue
        for seed in (0, 1) if name in ("mlp-numpy", "mlp-torch") else (0,):
            kept = make_predictions() if seed == 0 else None
            save(folder / name / f"seed-{seed}", make_record(name, seed), kept)
    for name, decay in (("weak", 0.1), ("strong", 1.0)):
        run = make_record("mlp-3-decay", 0, validation_size=143, weight_decay=decay)
        last = msgspec.structs.replace(run.curves[-1], validation_accuracy=0.9 - decay / 10)
        changed = {"curves": [*run.curves[:-1], last], "final": last.metrics()}
        save(folder / "choices" / name, msgspec.structs.replace(run, **changed))
    (folder / "searches" / "mlp-torch").mkdir(parents=True)
    search_record.write(folder / "searches" / "mlp-torch", make_search())
    return folder
