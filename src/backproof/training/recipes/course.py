"""The networks that the assignment asks for, in both frameworks."""

from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes.network_kinds import CONVNET, NUMPY_CONVNET, NUMPY_MLP, TORCH_MLP

_SMALL_MLP = {"steps": 600, "eval_every": 60}

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
