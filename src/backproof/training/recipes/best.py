"""The best that an MLP and the ConvNet of Table 1 reached here."""

from collections.abc import Mapping
from typing import Any

from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes.course import CONVNET_BY_TABLE_1
from backproof.training.recipes.improvements import MLP_7_AVERAGED
from backproof.training.recipes.network_kinds import CONVNET, TORCH_MLP

_Changes = Mapping[str, Any]


def _compared(
    name: str, without: Mapping[str, _Changes], ablation_epochs: float, budgets: Mapping[str, float]
) -> dict[str, _Changes]:
    """Return an ablation, two seeds of each run, and the recipe at smaller budgets of epochs."""
    ablation: dict[str, _Changes] = {
        f"{name}/without-{what}/seed-{seed}": {**changes, "epochs": ablation_epochs, "views": 1, "seed": seed}
        for what, changes in {"nothing": {}, **without}.items()
        for seed in (0, 1)
    }
    curve = {f"{name}/{minutes}-minutes": {"epochs": epochs} for minutes, epochs in budgets.items()}
    return ablation | curve


MLP_BEST = Recipe(
    "mlp-best",
    "the best MLP: weights that start as a local map, Nesterov momentum under one-cycle, more epochs",
    TORCH_MLP,
    {
        "hidden": (2048, 1024, 512),
        "initialization": "local",
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "learning_rate": 0.2,
        "weight_decay": 5e-4,
        "warmup": 0.2,
        "batch_size": 512,
        "epochs": 40.0,
        "eval_every": 400,
        "views": 18,
    },
    parent=MLP_7_AVERAGED,
    in_report=ReportEntry(
        caption="The best MLP.",
        reason="All of it for longer. Nesterov momentum in large batches keeps the weights where they "
        "start, as a random local map of the image, in dense matrices: neighbouring pixels tell most "
        "about each other.",
    ),
    plan=Plan(
        range(3),
        seconds=1500,
        variants=_compared(
            "mlp-best",
            {
                "local-start": {"initialization": "uniform"},
                "batch-norm": {"batch_norm": "none"},
                "schedule": {"schedule": "constant", "learning_rate": 0.02},
                "momentum": {"momentum": 0.0, "nesterov": False, "learning_rate": 1.0},
                "decay": {"weight_decay": 0.0},
                "flip": {"flip": False},
                "crop": {"crop_padding": 0},
                "smoothing": {"label_smoothing": 0.0},
                "average": {"ema_decay": 0.0},
            },
            ablation_epochs=8.0,
            budgets={"5": 8.0, "10": 16.0, "20": 32.0},
        ),
    ),
    small_plan=Plan(
        range(2),
        seconds=2,
        settings={
            "hidden": (64, 64, 64), "epochs": 0.0, "steps": 200, "eval_every": 20, "batch_size": 100,
            "flip": False, "crop_padding": 2,
        },
    ),
)  # fmt: skip

MLP_BEST_UNIFORM = Recipe(
    "mlp-best-uniform",
    "its twin, from weights that know nothing of images",
    TORCH_MLP,
    {"initialization": "uniform"},
    parent=MLP_BEST,
)

CONVNET_BEST = Recipe(
    "convnet-best",
    "the best of Table 1's ConvNet: Nesterov momentum under one-cycle, smaller images first",
    CONVNET,
    {
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "learning_rate": 0.1,
        "weight_decay": 5e-4,
        "schedule": "linear",
        "warmup": 0.2,
        "label_smoothing": 0.1,
        "ema_decay": 0.99,
        "flip": True,
        "crop_padding": 4,
        "image_sizes": (16, 24, 32),
        "batch_size": 256,
        "epochs": 16.0,
        "eval_every": 500,
        "views": 6,
    },
    parent=CONVNET_BY_TABLE_1,
    in_report=ReportEntry(
        title="the ConvNet at its best",
        caption="Accuracy (left) and loss (right) of the ConvNet, trained as well as we know how.",
    ),
    plan=Plan(
        range(3),
        seconds=3600,
        variants=_compared(
            "convnet-best",
            {
                "momentum": {"momentum": 0.0, "nesterov": False, "learning_rate": 0.5},
                "schedule": {"schedule": "constant", "learning_rate": 0.02},
                "decay": {"weight_decay": 0.0},
                "flip": {"flip": False},
                "crop": {"crop_padding": 0},
                "smoothing": {"label_smoothing": 0.0},
                "average": {"ema_decay": 0.0},
                "small-images": {"image_sizes": ()},
            },
            ablation_epochs=2.0,
            budgets={"5": 1.5, "10": 3.0, "20": 6.0, "30": 9.0},
        ),
    ),
    small_plan=Plan(
        [42],
        seconds=8,
        settings={"epochs": 0.0, "steps": 25, "eval_every": 5, "batch_size": 32, "flip": False},
    ),
)
