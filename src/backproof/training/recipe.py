"""What a recipe is: a named run, and all that is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from backproof.errors import ConfigError
from backproof.training import config
from backproof.training.config import TrainConfig, setting_names
from backproof.training.optimizers import optimizer_names
from backproof.training.setting import Role
from backproof.training.torch_import import import_with_torch

if TYPE_CHECKING:
    import numpy as np

    from backproof.training.learners.protocol import Learner


@dataclass(frozen=True)
class NetworkKind:
    """A kind of network: what makes its learner, and which settings play a part in it."""

    learner: str
    """What makes the learner, as module:name, imported only when it is needed."""
    kinds: frozenset[Literal["mlp", "convnet", "torch"]]
    """What it is: settings may be for an MLP, a ConvNet or PyTorch only."""

    @property
    def in_torch(self) -> bool:
        """Whether PyTorch computes it."""
        return "torch" in self.kinds

    @property
    def settings(self) -> frozenset[str]:
        """The settings that play a part; the optimizer where there is more than one to choose from."""
        names = {setting.name for setting in fields(TrainConfig) if setting.metadata["only"] <= self.kinds}
        if len(optimizer_names(in_torch=self.in_torch)) == 1:
            names.remove("optimizer")
        return frozenset(names)


@dataclass(frozen=True)
class Plan:
    """Which runs of a recipe the report needs."""

    seeds: Sequence[int]
    seconds: float
    """A first guess at one run's time: what it took on two cores of a server's processor in 2026."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the recipe's settings."""
    bf16: bool = False
    """Whether to compute in bfloat16 where the machine does that quickly."""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is compared on the validation set, changed settings by the name of the run's folder."""


@dataclass(frozen=True)
class ReportEntry:
    """What the report shows of a recipe."""

    title: str = ""
    """What sentences call its network; without a title they use the recipe's name."""
    caption: str = ""
    """Of the figure of its curves; without one it has no such figure of its own."""
    reason: str = ""
    """Why it was tried; those with a reason are the table of modifications, each beside its parent."""
    predictions: bool = False
    """Whether its predictions and first weights are shown."""
    gradient_norms: bool = False
    """Whether the norms of its gradients are shown."""
    gradient_norms_remark: str = ""
    """Stands before its name where the text compares the norms."""


@dataclass(frozen=True)
class Recipe:
    """A named run."""

    name: str
    summary: str
    network: NetworkKind
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What differs from its parent's settings, or from TrainConfig's defaults where it has no parent."""
    parent: "Recipe | None" = None
    """The recipe that this one modifies."""
    reference: str = ""
    """What the assignment, or a finished report of it, came to on CIFAR-10."""
    in_report: ReportEntry | None = None
    """Without an entry in the report it needs no runs; if there are some, the table of results has them."""
    plan: Plan | None = None
    """For the report, on CIFAR-10 and any other large data set."""
    small_plan: Plan | None = None
    """The same for a small data set, whose images are few and easy: smaller networks show the same curves."""

    def __post_init__(self) -> None:
        """Refuse a recipe that the report needs, but that has no plan of its runs (ValueError)."""
        if self.in_report and not (self.plan and self.small_plan):
            raise ValueError(f"recipe {self.name} is in the report: it needs a plan and a small_plan")

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from TrainConfig's defaults."""
        return config.laid_over(self.parent.settings if self.parent else {}, self.changes)

    def configure(self, *layers: Mapping[str, Any]) -> TrainConfig:
        """Lay the mappings over this recipe's settings (ConfigError, too for what plays no part in it)."""
        for layer in layers:
            for name in layer:
                if name in setting_names() and name not in self.network.settings:
                    raise ConfigError(f"recipe {self.name} has no setting '{name}': leave it out")
        settings = config.build(self.settings, *layers)
        possible = optimizer_names(in_torch=self.network.in_torch)
        if settings.optimizer not in possible:
            raise ConfigError(
                f"recipe {self.name} has no optimizer {settings.optimizer}; there are {', '.join(possible)}"
            )
        return settings

    def settings_of(self, settings: TrainConfig) -> dict[str, Any]:
        """Return the settings that play a part, by name, in plain types: what configure takes back."""
        return {name: value for name, value in settings.as_dict().items() if name in self.network.settings}

    def modified_settings(self, settings: TrainConfig) -> list[str]:
        """Return the names of settings that differ from this recipe's and bear on what the network learns."""
        own = self.settings_of(self.configure())
        theirs = self.settings_of(settings)
        differing = {
            name for name in own if name in setting_names(Role.LEARNING) and own[name] != theirs[name]
        }
        if "none" not in (own.get("batch_norm"), theirs.get("batch_norm")):
            differing.discard("batch_norm")  # one function, whoever computes it
        return sorted(differing)

    def make_learner(
        self, settings: TrainConfig, image_shape: tuple[int, ...], n_classes: int, rng: "np.random.Generator"
    ) -> "Learner":
        """Return a network with its optimizer, its weights drawn from ``rng`` (ConfigError)."""
        module, _, name = self.network.learner.partition(":")
        make = getattr(import_with_torch(module, f"recipe {self.name}"), name)
        learner: Learner = make(settings, image_shape, n_classes, rng)
        return learner

    def fast_settings(self, device: str, processes: int = 1) -> dict[str, Any]:
        """Return the settings that train it fastest on this machine, by benchmarks/ (ConfigError)."""
        if not self.network.in_torch:
            raise ConfigError(f"recipe {self.name} has one speed: leave --fast out")
        torch_device = import_with_torch("backproof.training.learners.torch_device", f"recipe {self.name}")
        settings: dict[str, Any] = torch_device.fast_settings(device)
        # On processors the one by hand is the faster, if numba compiles it.
        by_hand = torch_device.find_device(device).type == "cpu" and find_spec("numba") is not None
        if processes == 1 and "batch_norm" in self.settings and not by_hand:
            settings["batch_norm"] = "native"  # several processes share statistics by ours
        return settings
