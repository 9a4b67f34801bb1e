"""The runs that have a name: a network, and what differs from the default settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backproof.errors import ConfigError
from backproof.training import config
from backproof.training.config import TrainConfig, did_you_mean

_EVERY_RUN = (
    "data", "data_dir", "validation_size", "learning_rate", "steps", "batch_size", "eval_every", "seed",
)  # fmt: skip
_IN_TORCH = ("optimizer", "weight_decay", "batch_norm", "precision", "compile", "device", "threads")
HOW_TO_COMPUTE = frozenset({"data_dir", "precision", "compile", "device", "threads"})
"""Settings that say where things are and how to compute, not what."""
_NEUTRAL = HOW_TO_COMPUTE | {"data", "validation_size", "eval_every", "seed"}
"""Those, and what to look at: they have no bearing on what a network learns."""


@dataclass(frozen=True)
class Network:
    """A kind of network: who trains it, and which settings play a part in that."""

    learner: str
    """What makes the learner, as module:name, imported only when it is needed."""
    settings: frozenset[str]
    in_torch: bool


NUMPY_MLP = Network(
    "backproof.training.learners.numpy_learner:NumpyLearner",
    frozenset({*_EVERY_RUN, "hidden", "negative_slope"}),
    in_torch=False,
)
TORCH_MLP = Network(
    "backproof.training.learners.torch_learner:mlp_learner",
    frozenset({*_EVERY_RUN, *_IN_TORCH, "hidden", "negative_slope", "dropout", "initialization"}),
    in_torch=True,
)
CONVNET = Network(
    "backproof.training.learners.torch_learner:convnet_learner",
    frozenset({*_EVERY_RUN, *_IN_TORCH}),
    in_torch=True,
)


@dataclass(frozen=True)
class Recipe:
    """A named run."""

    name: str
    summary: str
    network: Network
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What differs from TrainConfig's defaults."""

    def configure(self, *layers: Mapping[str, Any]) -> TrainConfig:
        """Lay the mappings over this recipe's settings (ConfigError, too for what plays no part in it)."""
        for layer in layers:
            for name in layer:
                if name in config.setting_names() and name not in self.network.settings:
                    raise ConfigError(f"recipe {self.name} has no setting '{name}': leave it out")
        return config.build(self.settings, *layers)

    def settings_of(self, settings: TrainConfig) -> dict[str, Any]:
        """Return the settings that play a part, by name, in plain types: what configure takes back."""
        return {name: value for name, value in settings.as_dict().items() if name in self.network.settings}

    def modified(self, settings: TrainConfig) -> list[str]:
        """Name the settings that differ from this recipe's and bear on what the network learns."""
        own = self.settings_of(self.configure())
        here = self.settings_of(settings)
        differing = {name for name in own.keys() - _NEUTRAL if own[name] != here[name]}
        if "none" not in (own.get("batch_norm"), here.get("batch_norm")):
            differing.discard("batch_norm")  # one function, whoever computes it
        return sorted(differing)


_DEEP_ADAM = {
    "hidden": (1024, 2048, 2048, 4096),
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "initialization": "uniform",
}
_DEEP_ADAM_3000 = {**_DEEP_ADAM, "steps": 3000}
_DEEP_L2 = {**_DEEP_ADAM_3000, "optimizer": "adamw", "weight_decay": 0.1}
_DEEP_BATCHNORM = {**_DEEP_L2, "batch_norm": "manual"}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mlp-numpy", "the assignment's MLP in NumPy, every gradient written by hand", NUMPY_MLP),
        Recipe("mlp-torch", "the same MLP in PyTorch, from the same weights and batches", TORCH_MLP),
        Recipe("mlp-deep-adam", "improvement 1: four wide hidden layers, Adam", TORCH_MLP, _DEEP_ADAM),
        Recipe("mlp-deep-adam-3000", "improvement 2: twice the steps", TORCH_MLP, _DEEP_ADAM_3000),
        Recipe("mlp-deep-l2", "improvement 3: weight decay, decoupled (AdamW)", TORCH_MLP, _DEEP_L2),
        Recipe(
            "mlp-deep-batchnorm",
            "improvement 4: batch norm before every activation, its backward pass written by hand",
            TORCH_MLP,
            _DEEP_BATCHNORM,
        ),
        Recipe(
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
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Look a recipe up by name (ConfigError)."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe '{name}'{did_you_mean(name, RECIPES)}")
    return RECIPES[name]
