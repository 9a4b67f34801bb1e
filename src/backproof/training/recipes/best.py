"""An MLP and the ConvNet of Table 1, trained for the best accuracy that they reach in an hour."""

from collections.abc import Mapping
from typing import Any

from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes.course import CONVNET_BY_TABLE_1
from backproof.training.recipes.improvements import MLP_7_AVERAGED
from backproof.training.recipes.network_kinds import CONVNET, TORCH_MLP

_Changes = Mapping[str, Any]


def _compared(
    name: str, without: Mapping[str, _Changes], ablation_epochs: float, curve_epochs: tuple[float, ...]
) -> Mapping[str, _Changes]:
    """Return an ablation of two seeds, and the recipe for fewer epochs.

    In so few steps an average over the last hundred would hold on to the first weights: it is shorter.
    """
    short: _Changes = {"epochs": ablation_epochs, "views": 1, "ema_decay": 0.95}
    ablation = {
        f"{name}/without-{what}/seed-{seed}": {**short, **changes, "seed": seed}
        for what, changes in {"nothing": {}, **without}.items()
        for seed in (0, 1)
    }
    return ablation | {f"{name}/{epochs:g}-epochs": {"epochs": epochs} for epochs in curve_epochs}


MLP_BEST = Recipe(
    "mlp-best",
    "the MLP trained for accuracy: a local map at the start, Nesterov momentum, half a cosine, more epochs",
    TORCH_MLP,
    {
        "hidden": (2048, 1024, 512),
        "initialization": "local",
        "negative_slope": 0.1,
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "learning_rate": 0.35,
        "weight_decay": 3e-4,
        "schedule": "cosine",
        "warmup": 0.25,
        "crop_padding": 2,
        "cutout": 8,
        "rotation": 5.0,
        "batch_size": 512,
        "epochs": 56.0,
        "eval_every": 500,
        "views": 18,
    },
    parent=MLP_7_AVERAGED,
    in_report=ReportEntry(
        reason="Weights that start as a random local map of the image, in dense matrices: neighbouring "
        "pixels tell most about each other. And momentum in place of Adam.",
    ),
    plan=Plan(
        [0],
        seconds=1500,
        variants=_compared(
            "mlp-best",
            {
                "local-start": {"initialization": "uniform"},
                "schedule": {"schedule": "constant"},
                "momentum": {"momentum": 0.0, "nesterov": False},
                "decay": {"weight_decay": 0.0},
                "flip": {"flip": False},
                "crop": {"crop_padding": 0},
                "cutout": {"cutout": 0},
                "rotation": {"rotation": 0.0},
                "smoothing": {"label_smoothing": 0.0},
                "average": {"ema_decay": 0.0},
            },
            ablation_epochs=2.0,
            curve_epochs=(10.0, 20.0),
        ),
    ),
    small_plan=Plan(
        range(2),
        seconds=2,
        settings={
            "hidden": (64, 64, 64),
            "epochs": 0.0,
            "steps": 200,
            "eval_every": 20,
            "batch_size": 100,
            "flip": False,
            "crop_padding": 1,
            "cutout": 0,
        },
    ),
)

MLP_BEST_UNIFORM = Recipe(
    "mlp-best-uniform",
    "its twin, from weights that know nothing of images",
    TORCH_MLP,
    {"initialization": "uniform"},
    parent=MLP_BEST,
    plan=Plan([0], seconds=1500),
)

CONVNET_BEST = Recipe(
    "convnet-best",
    "Table 1's ConvNet trained for accuracy: a start from copies, Nesterov momentum, smaller images first",
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
        "crop_padding": 2,
        "image_sizes": (16, 24, 32),
        "dirac": True,
        "batch_size": 128,
        "epochs": 12.0,
        "eval_every": 1000,
        "views": 6,
    },
    parent=CONVNET_BY_TABLE_1,
    in_report=ReportEntry(
        title="the ConvNet trained for accuracy",
        caption="Accuracy (left) and loss (right) of the ConvNet, trained for accuracy.",
    ),
    plan=Plan(
        [0],
        seconds=3600,
        variants=_compared(
            "convnet-best",
            {
                "dirac": {"dirac": False},
                "small-images": {"image_sizes": (32,)},
                "schedule": {"schedule": "constant"},
                "momentum": {"momentum": 0.0, "nesterov": False},
                "decay": {"weight_decay": 0.0},
                "flip": {"flip": False},
                "crop": {"crop_padding": 0},
                "smoothing": {"label_smoothing": 0.0},
                "average": {"ema_decay": 0.0},
            },
            ablation_epochs=0.4,
            curve_epochs=(1.5,),
        ),
    ),
    small_plan=Plan(
        [42],
        seconds=8,
        settings={
            "epochs": 0.0,
            "steps": 25,
            "eval_every": 5,
            "batch_size": 32,
            "flip": False,
            "crop_padding": 0,
            "learning_rate": 0.02,
            "ema_decay": 0.7,
        },
    ),
)
