"""Find a recipe's learner; its framework is imported here and not before."""

import importlib
from typing import Any

import numpy as np

from backproof.errors import ConfigError
from backproof.training.config import TrainConfig
from backproof.training.learners.protocol import Learner
from backproof.training.recipes import Recipe


def make_learner(
    recipe: Recipe,
    settings: TrainConfig,
    image_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Learner:
    """Make the recipe's learner, its weights drawn from ``rng`` (ConfigError)."""
    learner: Learner = _part_of(recipe, recipe.network.learner)(settings, image_shape, n_classes, rng)
    return learner


def fast_settings(recipe: Recipe, device: str, processes: int = 1) -> dict[str, Any]:
    """Return the settings that train the recipe fastest on this machine, by benchmarks/ (ConfigError)."""
    if not recipe.network.in_torch:
        raise ConfigError(f"recipe {recipe.name} has one speed: leave --fast out")
    settings: dict[str, Any] = _part_of(recipe, "backproof.training.learners.torch_device:fast_settings")(
        device
    )
    if processes == 1 and "batch_norm" in recipe.settings:
        settings["batch_norm"] = "native"  # several processes share statistics by ours
    return settings


def imported(module: str, who: str) -> Any:
    """Import a module that may need PyTorch (ConfigError, naming who needs it, where there is none)."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ConfigError(f"{who} needs PyTorch: pip install torch; without it there is mlp-numpy") from None


def _part_of(recipe: Recipe, name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(imported(module, f"recipe {recipe.name}"), attribute)
