"""An MLP and the ConvNet of Table 1, trained for the best accuracy that they reach in an hour."""

from backproof.training.recipe import Plan, Recipe
from backproof.training.recipes.course import CONVNET_BY_TABLE_1
from backproof.training.recipes.improvements import MLP_7_AVERAGED
from backproof.training.recipes.network_kinds import CONVNET, TORCH_MLP

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
    plan=Plan([0], seconds=1650),
)

MLP_BEST_UNIFORM = Recipe(
    "mlp-best-uniform",
    "its twin, from weights that know nothing of images",
    TORCH_MLP,
    {"initialization": "uniform"},
    parent=MLP_BEST,
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
    plan=Plan([0], seconds=3600),
)
