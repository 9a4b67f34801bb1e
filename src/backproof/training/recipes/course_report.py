"""The modifications of the MLP in a finished report of the assignment, kept as they were.

Batch norm, the one that helped, stands on top, and again in NumPy.
"""

from collections.abc import Mapping
from typing import Any

from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes.course import MLP_TORCH
from backproof.training.recipes.network_kinds import NUMPY_MLP, TORCH_MLP

REPORT_1_DEEP_ADAM = Recipe(
    "report-1-deep-adam",
    "improvement 1 of the assignment's report: four wide hidden layers, Adam",
    TORCH_MLP,
    {
        "hidden": (1024, 2048, 2048, 4096),
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "initialization": "uniform",
    },
    parent=MLP_TORCH,
    reference="0.50",
    plan=Plan(range(3), seconds=100, bf16=True),
)

REPORT_2_LONGER = Recipe(
    "report-2-longer",
    "improvement 2 of that report: twice the steps",
    TORCH_MLP,
    {"steps": 3000},
    parent=REPORT_1_DEEP_ADAM,
    reference="0.50 … 0.52",
    plan=Plan(range(3), seconds=170, bf16=True, variants={"no-decay": {}}),
)

_DECAYS: Mapping[str, Mapping[str, Any]] = {
    "adam-1e-4": {"optimizer": "adam", "weight_decay": 1e-4},
    "adam-1e-3": {"optimizer": "adam", "weight_decay": 1e-3},
    "adam-1e-2": {"optimizer": "adam", "weight_decay": 1e-2},
    "adamw-0.1": {},
    "adamw-1": {"weight_decay": 1.0},
}
REPORT_3_DECAY = Recipe(
    "report-3-decay",
    "improvement 3 of that report: weight decay, decoupled (AdamW)",
    TORCH_MLP,
    {"optimizer": "adamw", "weight_decay": 0.1},
    parent=REPORT_2_LONGER,
    reference="0.52",
    plan=Plan(range(3), seconds=170, bf16=True, variants=_DECAYS),
)

_DECAYS_WITH_BATCHNORM: Mapping[str, Mapping[str, Any]] = {
    "batchnorm-no-decay": {"optimizer": "adam", "weight_decay": 0.0},
    "batchnorm-adam-1e-3": {"optimizer": "adam", "weight_decay": 1e-3},
    "batchnorm-adamw-0.1": {},
}
REPORT_4_BATCHNORM = Recipe(
    "report-4-batchnorm",
    "the same with batch norm before every activation, its backward pass written by hand",
    TORCH_MLP,
    {"batch_norm": "manual"},
    parent=REPORT_3_DECAY,
    reference="0.54",
    plan=Plan(range(3), seconds=200, bf16=True, variants=_DECAYS_WITH_BATCHNORM),
)

MLP_NUMPY_BATCHNORM = Recipe(
    "mlp-numpy-batchnorm",
    "report-4-batchnorm in NumPy: batch norm, AdamW and every gradient written by hand",
    NUMPY_MLP,
    parent=REPORT_4_BATCHNORM,
    reference="0.54",
    in_report=ReportEntry(),
    plan=Plan([42], seconds=1200),
    small_plan=Plan([42], seconds=3, settings={"hidden": (64, 64, 64, 64), "steps": 200, "eval_every": 20}),
)
