"""The MLP improved, one modification after the other: each was chosen on a validation set, and stays."""

from backproof.training.recipe import Plan, Recipe, ReportEntry
from backproof.training.recipes.course import MLP_TORCH
from backproof.training.recipes.network_kinds import TORCH_MLP

_SMALL_DEEP = {"hidden": (64, 64, 64, 64), "steps": 200, "eval_every": 20}
_SMALL_AUGMENTED = {**_SMALL_DEEP, "flip": False, "crop_padding": 1}
"""A mirrored digit is another one, and digits are few pixels wide."""

MLP_1_DEEP = Recipe(
    "mlp-1-deep",
    "improvement 1: three wide hidden layers, Adam",
    TORCH_MLP,
    {"hidden": (1024, 512, 256), "optimizer": "adam", "learning_rate": 1e-3, "initialization": "uniform"},
    parent=MLP_TORCH,
    reference="0.50",
    in_report=ReportEntry(
        caption="Improvement 1: three hidden layers and Adam.",
        reason="More and wider layers can express more. Adam scales each weight's steps by itself, "
        "which spares a search for a learning rate at this depth.",
        gradient_norms=True,
    ),
    plan=Plan([0], seconds=240, bf16=True, variants={"1-deep": {}}),
    small_plan=Plan(range(2), seconds=1, settings={**_SMALL_DEEP, "steps": 100, "eval_every": 10}),
)

MLP_2_LONG = Recipe(
    "mlp-2-long",
    "improvement 2: more steps, and a learning rate that falls to zero over them",
    TORCH_MLP,
    {"steps": 2500, "schedule": "linear"},
    parent=MLP_1_DEEP,
    reference="0.50 … 0.52",
    in_report=ReportEntry(
        caption="Improvement 2: more steps, under a schedule.",
        reason="Does it learn more when it has the time? At one learning rate it only jumps around longer; "
        "small steps at the end settle what large ones have found.",
    ),
    plan=Plan(
        [0], seconds=400, bf16=True, variants={"2-long": {}, "2-long-constant": {"schedule": "constant"}}
    ),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_DEEP),
)

MLP_3_DECAY = Recipe(
    "mlp-3-decay",
    "improvement 3: weight decay, decoupled (AdamW)",
    TORCH_MLP,
    {"optimizer": "adamw", "weight_decay": 1.0},
    parent=MLP_2_LONG,
    reference="0.52",
    in_report=ReportEntry(
        caption="Improvement 3: weight decay.",
        reason="Do smaller weights narrow the gap between training and test accuracy?",
    ),
    plan=Plan(
        [0],
        seconds=400,
        bf16=True,
        variants={
            "3-decay": {},
            "3-decay-0.3": {"weight_decay": 0.3},
            "3-decay-3": {"weight_decay": 3.0},
        },
    ),
    small_plan=Plan(
        range(2),
        seconds=2,
        settings=_SMALL_DEEP,
        variants={"3-decay": {}, "3-decay-0.1": {"weight_decay": 0.1}},
    ),
)

MLP_4_NORM = Recipe(
    "mlp-4-norm",
    "improvement 4: batch norm before every activation, its backward pass written by hand",
    TORCH_MLP,
    {"batch_norm": "manual"},
    parent=MLP_3_DECAY,
    reference="0.54",
    in_report=ReportEntry(
        caption="Improvement 4: batch norm before every activation.",
        reason="Normalised activations keep every layer's input on one scale while the layers "
        "before it change, and a batch's random statistics restrain the network besides.",
        gradient_norms=True,
        gradient_norms_remark="with batch norm",
    ),
    plan=Plan([0], seconds=450, bf16=True, variants={"4-norm": {}}),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_DEEP),
)

MLP_5_AUGMENTED = Recipe(
    "mlp-5-augmented",
    "improvement 5: images mirrored and shifted, which more steps can use",
    TORCH_MLP,
    {"flip": True, "crop_padding": 4, "steps": 5000},
    parent=MLP_4_NORM,
    in_report=ReportEntry(
        reason="A shifted horse is the same horse. Nothing in a linear layer knows that: it has to be shown.",
    ),
    plan=Plan(
        [0], seconds=450, bf16=True, variants={"5-augmented": {}, "5-augmented-short": {"steps": 2500}}
    ),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_AUGMENTED),
)

MLP_6_SMOOTHED = Recipe(
    "mlp-6-smoothed",
    "improvement 6: label smoothing",
    TORCH_MLP,
    {"label_smoothing": 0.1},
    parent=MLP_5_AUGMENTED,
    in_report=ReportEntry(
        reason="Certainty is asked for images that people would not be sure of; softer targets ask for less.",
    ),
    plan=Plan([0], seconds=450, bf16=True, variants={"6-smoothed": {}}),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_AUGMENTED),
)

MLP_7_AVERAGED = Recipe(
    "mlp-7-averaged",
    "improvement 7: the average of the last weights",
    TORCH_MLP,
    {"ema_decay": 0.99},
    parent=MLP_6_SMOOTHED,
    in_report=ReportEntry(
        reason="Weights circle around what they are after; their average lies nearer to it.",
    ),
    plan=Plan([0], seconds=450, bf16=True, variants={"7-averaged": {}}),
    small_plan=Plan(range(2), seconds=2, settings=_SMALL_AUGMENTED),
)
