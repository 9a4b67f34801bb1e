"""The settings of a training run, each declared once with all that is known of it."""

import difflib
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from backproof.data.registry import DATASETS
from backproof.errors import ConfigError
from backproof.training.optimizers import OPTIMIZERS
from backproof.training.setting import Bounds, Role, setting

_COUNT = Bounds(1, 2**31 - 1)
_COUNT_OR_ZERO = Bounds(0, 2**31 - 1)
_NOT_NEGATIVE = Bounds(0, 3.4e38, "a finite number, 0 or more")
_POSITIVE = Bounds(math.nextafter(0, 1), sys.float_info.max, "a finite number above 0")
_FRACTION = Bounds(0, math.nextafter(1, 0), "0 or more and below 1")
# Beyond any machine's memory, and small enough that the product of two is still a number of 64 bits.
_LAYER_SIZES = Bounds(1, 2**24, f"'' (no hidden layer) or layer sizes of 1 to {2**24}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run's settings, checked as they are built (ConfigError). The defaults are the assignment's."""

    data: str = setting(
        "cifar10", "data set; digits comes with the installation", Role.EVALUATION, choices=DATASETS
    )
    data_dir: str | None = setting(
        None,
        f"where the data set lies: {'; '.join(info.data_dir for info in DATASETS.values() if info.data_dir)}",
        Role.LOCATION,
    )
    validation_size: int = setting(
        0,
        "size of the validation set, taken from the training images; the run is then evaluated on it and "
        "never sees the test set",
        Role.EVALUATION,
        bounds=_COUNT_OR_ZERO,
    )
    hidden: tuple[int, ...] = setting(
        (100,), "hidden layer sizes, e.g. 100,100; '' for none", only=["mlp"], bounds=_LAYER_SIZES
    )
    negative_slope: float = setting(
        0.02,
        "slope of LeakyReLU for negative inputs; 0 is the plain ReLU",
        only=["mlp"],
        bounds=_NOT_NEGATIVE,
    )
    learning_rate: float = setting(2e-3, "step size of the optimizer", bounds=_POSITIVE)
    optimizer: str = setting("sgd", "what turns gradients into updates", choices=OPTIMIZERS)
    weight_decay: float = setting(
        0.0,
        "factor of the L2 penalty; with adamw, of the decoupled decay",
        bounds=_NOT_NEGATIVE,
    )
    batch_norm: Literal["none", "manual", "autograd", "native"] = setting(
        "none",
        "before every activation: manual has this project's hand-written backward pass, autograd its forward "
        "pass alone; native is PyTorch's. In NumPy only manual",
    )
    dropout: float = setting(
        0.0,
        "fraction of every hidden layer's outputs that training drops",
        only=["mlp"],
        bounds=_FRACTION,
    )
    initialization: Literal["normal", "uniform"] = setting(
        "normal",
        "starting weights: the assignment's N(0, 0.0001²), or PyTorch's uniform ±1/√inputs",
        only=["mlp"],
    )
    steps: int = setting(1500, "mini-batches to train on", bounds=_COUNT)
    batch_size: int = setting(200, "images in a mini-batch", bounds=_COUNT)
    eval_every: int = setting(
        100, "steps between evaluations; the last step always has one", Role.EVALUATION, bounds=_COUNT
    )
    seed: int = setting(42, "where weights and batch order start from", Role.SEED, bounds=_COUNT_OR_ZERO)
    precision: Literal["fp64", "fp32", "bf16"] = setting(
        "fp32",
        "numbers to compute with; bf16 multiplies matrices in 16 bits and keeps 32-bit weights",
        Role.PRECISION,
        only=["torch"],
    )
    compile: bool = setting(
        False,
        "translate the network by torch.compile, where a C++ compiler is found",
        Role.MACHINE,
        only=["torch"],
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "auto takes a GPU where there is one", Role.LOCATION, only=["torch"]
    )
    threads: int = setting(
        0,
        "processor threads; 0 leaves it to PyTorch",
        Role.MACHINE,
        only=["torch"],
        bounds=Bounds(0, 1024),
    )

    def __post_init__(self) -> None:
        """Check every bound, and data_dir."""
        for field in fields(self):
            value, bounds = getattr(self, field.name), field.metadata["bounds"]
            if field.metadata["choices"] and value not in field.metadata["choices"]:
                raise _not_a_choice(field.name, value)
            for number in value if isinstance(value, tuple) else (value,):
                if bounds and not bounds.least <= number <= bounds.most:
                    raise ConfigError(f"{field.name} must be {bounds}, not {number}")
        if self.data_dir is None:
            return
        if DATASETS[self.data].data_dir is None:
            placed = ", ".join(name for name, info in DATASETS.items() if info.data_dir is not None)
            raise ConfigError(
                f"data_dir is for {placed}; {self.data} comes with the installation: leave it out"
            )
        if not self.data_dir:
            raise ConfigError("data_dir is empty; name the data set's folder or leave it out")
        if not self.data_dir.isprintable():
            raise ConfigError(
                f"data_dir {self.data_dir!r} has characters that a record cannot hold; rename it"
            )

    @property
    def evaluation_split_name(self) -> Literal["validation", "test"]:
        """Name the set that evaluations use: with a validation set the test set plays no part."""
        return "validation" if self.validation_size else "test"

    def as_dict(self) -> dict[str, Any]:
        """Return every setting by name, in plain types: what build takes back."""
        return dict(msgspec.to_builtins(asdict(self)))


def setting_names(*roles: Role) -> list[str]:
    """Return the names of the settings that have one of these roles, of all settings where none is given."""
    return [field.name for field in fields(TrainConfig) if not roles or field.metadata["role"] in roles]


def choices(name: str) -> tuple[str, ...]:
    """Return the values that a setting may have, () where any of its type will do."""
    kind = get_type_hints(TrainConfig)[name]
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(TrainConfig.__dataclass_fields__[name].metadata["choices"])


def from_text(name: str, text: str) -> Any:
    """Return a setting's value as it is typed, e.g. "1e-3" as 0.001; what makes no sense stays text."""
    try:
        return msgspec.convert(text, get_type_hints(TrainConfig).get(name, str), strict=False)
    except msgspec.ValidationError:
        return text


def build(*layers: Mapping[str, Any]) -> TrainConfig:
    """Lay the mappings over the defaults, each over those before it, and check names, types and bounds."""
    merged: dict[str, Any] = {}
    known = setting_names()
    for layer in layers:
        for name in layer:
            if name not in known:
                raise ConfigError(f"unknown setting '{name}'{did_you_mean(name, known)}")
        if layer.get("data", merged.get("data")) != merged.get("data"):
            merged.pop("data_dir", None)  # it was the place of the other data set
        merged.update(layer)
    if isinstance(merged.get("hidden"), str):
        merged["hidden"] = parse_hidden(merged["hidden"])
    try:
        return msgspec.convert(merged, TrainConfig)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        if name in known and choices(name):
            raise _not_a_choice(name, merged[name]) from None
        raise ConfigError(f"setting {name}: {reason[0].lower()}{reason[1:]}") from None


def _not_a_choice(name: str, value: object) -> ConfigError:
    return ConfigError(f"{name} must be one of {', '.join(choices(name))}, not {value!r}")


def parse_hidden(text: str) -> tuple[int, ...]:
    """Return '100,100' as (100, 100) and '' as () (ConfigError)."""
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ConfigError(
            f"hidden layer sizes are whole numbers and commas, like 100,100; not '{text}'"
        ) from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest known name, or at all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"
