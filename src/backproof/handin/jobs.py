"""The runs that the report is made from: every recipe over its seeds, and what was compared to choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backproof.data.registry import DATASETS
from backproof.training.config import TrainConfig
from backproof.training.learners.make import fast_settings
from backproof.training.recipes import HOW_TO_COMPUTE, RECIPES, Recipe
from backproof.training.run import from_everywhere

_SEEDS: dict[str, dict[str, Sequence[int]]] = {
    "cifar10": {"mlp-numpy": range(5), "mlp-torch": range(5), "convnet": (42,)},
    "digits": {"convnet": (42,)},
}
_SEEDS_OF_OTHERS = {"cifar10": range(3), "digits": range(2)}
_DEEP = ("mlp-deep-adam", "mlp-deep-adam-3000", "mlp-deep-l2", "mlp-deep-batchnorm")
_DEEP_ON_DIGITS = {"hidden": (64, 64, 64, 64), "steps": 400, "eval_every": 40}
_ON_DIGITS: dict[str, Mapping[str, Any]] = {
    "mlp-deep-adam": {**_DEEP_ON_DIGITS, "steps": 200, "eval_every": 20},
    **dict.fromkeys(_DEEP[1:], _DEEP_ON_DIGITS),
    "convnet": {"steps": 50, "eval_every": 10},
}
"""The digits are few and easy: smaller networks and fewer steps show the same curves."""
_COMPARED: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("no-decay", "mlp-deep-adam-3000", {}),
    ("adam-1e-4", "mlp-deep-l2", {"optimizer": "adam", "weight_decay": 1e-4}),
    ("adam-1e-3", "mlp-deep-l2", {"optimizer": "adam", "weight_decay": 1e-3}),
    ("adam-1e-2", "mlp-deep-l2", {"optimizer": "adam", "weight_decay": 1e-2}),
    ("adamw-0.1", "mlp-deep-l2", {}),
    ("adamw-1", "mlp-deep-l2", {"weight_decay": 1.0}),
    ("batchnorm-no-decay", "mlp-deep-batchnorm", {"optimizer": "adam", "weight_decay": 0.0}),
    ("batchnorm-adam-1e-3", "mlp-deep-batchnorm", {"optimizer": "adam", "weight_decay": 1e-3}),
    ("batchnorm-adamw-0.1", "mlp-deep-batchnorm", {}),
)
_SECONDS = {
    "cifar10": {
        "mlp-numpy": 4, "mlp-torch": 6, "mlp-deep-adam": 100, "mlp-deep-adam-3000": 170, "mlp-deep-l2": 170,
        "mlp-deep-batchnorm": 200, "convnet": 900,
    },
    "digits": {"mlp-numpy": 3, "mlp-torch": 5, "mlp-deep-adam": 1, "convnet": 8},
}  # fmt: skip
"""What a run took on two cores of a server's processor in 2026: a first guess for other machines."""
_SECONDS_OF_OTHERS = 2


@dataclass(frozen=True)
class Job:
    """One run to train."""

    name: str
    """Its folder, below the folder of all of them."""
    recipe: Recipe
    settings: TrainConfig
    seconds: float
    """A first guess."""

    def learns(self, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings, or other ones, but for how they are computed: another machine's may differ.

        Settings that cannot be are a ConfigError.
        """
        settings = self.settings if config is None else self.recipe.configure(config)
        here = self.recipe.settings_of(settings)
        return {name: value for name, value in here.items() if name not in HOW_TO_COMPUTE}


def jobs(data: str, data_dir: str | None = None) -> list[Job]:
    """Return every run of the report, in the order of its sections (ConfigError)."""
    base = {"data": data} if data_dir is None else {"data": data, "data_dir": data_dir}
    like = "digits" if DATASETS[data].small else "cifar10"
    seeds, seconds = _SEEDS[like], _SECONDS[like]
    found = []

    def add(name: str, recipe: Recipe, changes: Mapping[str, Any]) -> None:
        scaled = _ON_DIGITS.get(recipe.name, {}) if like == "digits" else {}
        settings = from_everywhere(recipe.configure(base, scaled, _precision(recipe, like), changes))
        found.append(Job(name, recipe, settings, seconds.get(recipe.name, _SECONDS_OF_OTHERS)))

    for name, recipe in RECIPES.items():
        for seed in seeds.get(name, _SEEDS_OF_OTHERS[like]):
            add(f"{name}/seed-{seed}", recipe, {"seed": seed})
    for name, recipe_name, changes in _COMPARED:
        add(
            f"choices/{name}",
            RECIPES[recipe_name],
            {"validation_size": DATASETS[data].validation_size, **changes},
        )
    return found


def _precision(recipe: Recipe, like: str) -> Mapping[str, Any]:
    """Take bfloat16 for the wide networks on CIFAR-10, where the machine computes with it quickly.

    In 32 bits each of their runs would take some ten minutes. The report names each run's precision.
    """
    if recipe.name not in _DEEP or like == "digits":
        return {}
    fastest = fast_settings(recipe, "auto")
    return {"precision": fastest["precision"]} if "precision" in fastest else {}
