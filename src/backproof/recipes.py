"""The runs that have a name: a learner, and what differs from the default settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backproof.config import did_you_mean
from backproof.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """A named run."""

    name: str
    summary: str
    learner: str
    """The learner's class as module:name, imported only when it is trained."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What differs from TrainConfig's defaults."""


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="mlp-numpy",
            summary="the assignment's MLP in NumPy, every gradient written by hand",
            learner="backproof.numpy_nn.learner:NumpyLearner",
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Look a recipe up by name (ConfigError)."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe '{name}'{did_you_mean(name, RECIPES)}")
    return RECIPES[name]
