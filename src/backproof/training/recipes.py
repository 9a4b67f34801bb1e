"""The recipes. A new one is an entry here, named in RECIPES below, and nothing in any other file."""

from collections.abc import Mapping
from typing import Any

from backproof.errors import ConfigError
from backproof.training.config import did_you_mean
from backproof.training.recipe import NetworkKind, Plan, Recipe, ReportEntry

NUMPY_MLP = NetworkKind("backproof.training.learners.numpy_learner:mlp_learner", frozenset({"mlp"}))
NUMPY_CONVNET = NetworkKind(
    "backproof.training.learners.numpy_learner:convnet_learner", frozenset({"convnet"})
)
TORCH_MLP = NetworkKind("backproof.training.learners.torch_learner:mlp_learner", frozenset({"mlp", "torch"}))
CONVNET = NetworkKind(
    "backproof.training.learners.torch_learner:convnet_learner", frozenset({"convnet", "torch"})
)

_SMALL_MLP = {"steps": 600, "eval_every": 60}
_SMALL_DEEP = {"hidden": (64, 64, 64, 64), "steps": 200, "eval_every": 20}

MLP_NUMPY = Recipe(
    "mlp-numpy",
    "the assignment's MLP in NumPy, every gradient written by hand",
    NUMPY_MLP,
    reference="0.46",
    in_report=ReportEntry(title="the NumPy network", predictions=True, gradient_norms=True),
    plan=Plan(range(5), seconds=4),
    small_plan=Plan(range(2), seconds=3, settings=_SMALL_MLP),
)

MLP_TORCH = Recipe(
    "mlp-torch",
    "the same MLP in PyTorch, from the same weights and batches",
    TORCH_MLP,
    reference="0.46",
    in_report=ReportEntry(reason="The network that the modifications start from."),
    plan=Plan(range(5), seconds=6),
    small_plan=Plan(range(2), seconds=4, settings=_SMALL_MLP),
)

MLP_DEEP_ADAM = Recipe(
    "mlp-deep-adam",
    "improvement 1: four wide hidden layers, Adam",
    TORCH_MLP,
    {
        "hidden": (1024, 2048, 2048, 4096),
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "initialization": "uniform",
    },
    parent=MLP_TORCH,
    reference="0.50",
    in_report=ReportEntry(
        caption="Improvement 1: four hidden layers and Adam.",
        reason="More and wider layers can express more. Adam scales each weight's steps by itself, "
        "which spares a search for a learning rate at this depth.",
        gradient_norms=True,
    ),
    plan=Plan(range(3), seconds=100, bf16=True),
    small_plan=Plan(range(2), seconds=1, settings={**_SMALL_DEEP, "steps": 100, "eval_every": 10}),
)

MLP_DEEP_ADAM_3000 = Recipe(
    "mlp-deep-adam-3000",
    "improvement 2: twice the steps",
    TORCH_MLP,
    {"steps": 3000},
    parent=MLP_DEEP_ADAM,
    reference="0.50 … 0.52",
    in_report=ReportEntry(
        caption="Improvement 2: twice the steps.",
        reason="Does it learn more when it has the time?",
    ),
    plan=Plan(range(3), seconds=170, bf16=True, variants={"no-decay": {}}),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_DEEP, variants={"no-decay": {}}),
)

_DECAYS: Mapping[str, Mapping[str, Any]] = {
    "adam-1e-4": {"optimizer": "adam", "weight_decay": 1e-4},
    "adam-1e-3": {"optimizer": "adam", "weight_decay": 1e-3},
    "adam-1e-2": {"optimizer": "adam", "weight_decay": 1e-2},
    "adamw-0.1": {},
    "adamw-1": {"weight_decay": 1.0},
}
MLP_DEEP_L2 = Recipe(
    "mlp-deep-l2",
    "improvement 3: weight decay, decoupled (AdamW)",
    TORCH_MLP,
    {"optimizer": "adamw", "weight_decay": 0.1},
    parent=MLP_DEEP_ADAM_3000,
    reference="0.52",
    in_report=ReportEntry(
        caption="Improvement 3: weight decay.",
        reason="Do smaller weights narrow the gap between training and test accuracy?",
    ),
    plan=Plan(range(3), seconds=170, bf16=True, variants=_DECAYS),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_DEEP, variants=_DECAYS),
)

_DECAYS_WITH_BATCHNORM: Mapping[str, Mapping[str, Any]] = {
    "batchnorm-no-decay": {"optimizer": "adam", "weight_decay": 0.0},
    "batchnorm-adam-1e-3": {"optimizer": "adam", "weight_decay": 1e-3},
    "batchnorm-adamw-0.1": {},
}
MLP_DEEP_BATCHNORM = Recipe(
    "mlp-deep-batchnorm",
    "improvement 4: batch norm before every activation, its backward pass written by hand",
    TORCH_MLP,
    {"batch_norm": "manual"},
    parent=MLP_DEEP_L2,
    reference="0.54",
    in_report=ReportEntry(
        caption="Improvement 4: batch norm before every activation.",
        reason="Normalised activations keep every layer's input on one scale while the layers "
        "before it change, and a batch's random statistics restrain the network besides.",
        gradient_norms=True,
        gradient_norms_remark="with batch norm",
    ),
    plan=Plan(range(3), seconds=200, bf16=True, variants=_DECAYS_WITH_BATCHNORM),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_DEEP, variants=_DECAYS_WITH_BATCHNORM),
)

CONVNET_BY_TABLE_1 = Recipe(
    "convnet",
    "the assignment's VGG-style ConvNet, batch norm written by hand",
    CONVNET,
    {
        "batch_norm": "manual",
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "steps": 5000,
        "batch_size": 32,
        "eval_every": 500,
    },
    reference="0.75",
    in_report=ReportEntry(
        title="the ConvNet",
        caption="Accuracy (left) and loss (right) of the ConvNet.",
        predictions=True,
        gradient_norms=True,
    ),
    plan=Plan([42], seconds=900),
    small_plan=Plan([42], seconds=8, settings={"steps": 25, "eval_every": 5}),
)

MLP_NUMPY_BATCHNORM = Recipe(
    "mlp-numpy-batchnorm",
    "improvement 4 in NumPy: batch norm, AdamW and every gradient written by hand",
    NUMPY_MLP,
    parent=MLP_DEEP_BATCHNORM,
    reference="0.54",
    in_report=ReportEntry(),
    plan=Plan([42], seconds=1200),
    small_plan=Plan([42], seconds=3, settings=_SMALL_DEEP),
)

CONVNET_NUMPY = Recipe(
    "convnet-numpy",
    "the same ConvNet in NumPy, every gradient written by hand",
    NUMPY_CONVNET,
    parent=CONVNET_BY_TABLE_1,
    reference="0.75",
    in_report=ReportEntry(caption="Accuracy (left) and loss (right) of the ConvNet in NumPy."),
    plan=Plan([42], seconds=2400),
    small_plan=Plan([42], seconds=10, settings={"steps": 25, "eval_every": 5}),
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        MLP_NUMPY,
        MLP_TORCH,
        MLP_DEEP_ADAM,
        MLP_DEEP_ADAM_3000,
        MLP_DEEP_L2,
        MLP_DEEP_BATCHNORM,
        CONVNET_BY_TABLE_1,
        MLP_NUMPY_BATCHNORM,
        CONVNET_NUMPY,
    )
}


def report_entries() -> dict[str, ReportEntry]:
    """Return what the report shows of each recipe in it, by the recipe's name."""
    return {name: recipe.in_report for name, recipe in RECIPES.items() if recipe.in_report}


def find_recipe(name: str) -> Recipe:
    """Look a recipe up by name (ConfigError)."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe '{name}'{did_you_mean(name, RECIPES)}")
    return RECIPES[name]
