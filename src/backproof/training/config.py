"""The settings of a training run: defaults, then a recipe, then a file, then flags."""

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from backproof.data.registry import DATASETS
from backproof.errors import ConfigError

_LEAST = {"validation_size": 0, "steps": 1, "batch_size": 1, "eval_every": 1, "seed": 0, "threads": 0}
_MOST = 2**31 - 1
_MOST_THREADS = 1024
_LARGEST_FLOAT32 = 3.4e38
_MOST_UNITS = 2**24
"""Beyond any machine's memory, and small enough that its products are still numbers of 64 bits."""


def _setting(default: Any, text: str, choices: Iterable[str] = ()) -> Any:
    """Declare a field whose text serves --help too; ``choices`` where its type does not list its values."""
    return field(default=default, metadata={"help": text, "choices": tuple(choices)})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run's settings, checked as they are built (ConfigError). The defaults are the assignment's."""

    data: str = _setting("cifar10", "data set; digits comes with the installation", choices=DATASETS)
    data_dir: str | None = _setting(
        None,
        f"where the data set lies: {'; '.join(info.data_dir for info in DATASETS.values() if info.data_dir)}",
    )
    validation_size: int = _setting(
        0, "training images set aside; the run is then judged on them and never sees the test set"
    )
    hidden: tuple[int, ...] = _setting((100,), "hidden layer sizes, e.g. 100,100; '' for none")
    negative_slope: float = _setting(0.02, "slope of LeakyReLU for negative inputs; 0 is the plain ReLU")
    learning_rate: float = _setting(2e-3, "step size of the optimizer")
    optimizer: Literal["sgd", "adam", "adamw"] = _setting("sgd", "what turns gradients into updates")
    weight_decay: float = _setting(0.0, "factor of the L2 penalty; with adamw, of the decoupled decay")
    batch_norm: Literal["none", "manual", "autograd", "native"] = _setting(
        "none",
        "before every activation: manual has this project's hand-written backward pass, autograd its forward "
        "pass alone; native is PyTorch's",
    )
    dropout: float = _setting(0.0, "fraction of every hidden layer's outputs that training drops")
    initialization: Literal["normal", "uniform"] = _setting(
        "normal", "starting weights: the assignment's N(0, 0.0001²), or PyTorch's uniform ±1/√inputs"
    )
    steps: int = _setting(1500, "mini-batches to train on")
    batch_size: int = _setting(200, "images in a mini-batch")
    eval_every: int = _setting(100, "steps between evaluations; the last step always has one")
    seed: int = _setting(42, "where weights and batch order start from")
    precision: Literal["fp64", "fp32", "bf16"] = _setting(
        "fp32", "numbers to compute with; bf16 multiplies matrices in 16 bits and keeps 32-bit weights"
    )
    compile: bool = _setting(False, "translate the network by torch.compile, where a C++ compiler is found")
    device: Literal["auto", "cpu", "cuda", "mps"] = _setting("auto", "auto takes a GPU where there is one")
    threads: int = _setting(0, "processor threads; 0 leaves it to PyTorch")

    def __post_init__(self) -> None:
        """Check every range."""
        if self.data not in DATASETS:
            raise ConfigError(f"data must be one of {', '.join(DATASETS)}, not {self.data!r}")
        for name, least in _LEAST.items():
            most = _MOST_THREADS if name == "threads" else _MOST
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} must be {least} to {most}, not {getattr(self, name)}")
        for size in self.hidden:
            if not 1 <= size <= _MOST_UNITS:
                raise ConfigError(
                    f"hidden layer sizes must be 1 to {_MOST_UNITS}, not {size}; '' means no hidden layer"
                )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ConfigError(f"learning_rate must be a finite number above 0, not {self.learning_rate}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be 0 or more and below 1, not {self.dropout}")
        if not 0 <= self.weight_decay <= _LARGEST_FLOAT32:
            raise ConfigError(f"weight_decay must be a finite number, 0 or more, not {self.weight_decay}")
        if not 0 <= self.negative_slope <= _LARGEST_FLOAT32:
            raise ConfigError(f"negative_slope must be a finite number, 0 or more, not {self.negative_slope}")
        if self.data_dir is not None:
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
    def judged_on(self) -> Literal["validation", "test"]:
        """Name the images that evaluations use: with a validation split the test set plays no part."""
        return "validation" if self.validation_size else "test"

    def as_dict(self) -> dict[str, Any]:
        """Every setting by name, in plain types: what build takes back."""
        return dict(msgspec.to_builtins(asdict(self)))


def setting_names() -> list[str]:
    """Name every setting."""
    return [each.name for each in fields(TrainConfig)]


def choices(name: str) -> tuple[str, ...]:
    """Return the values that a setting may have, () where any of its type will do."""
    kind = get_type_hints(TrainConfig)[name]
    if get_origin(kind) is Literal:
        return get_args(kind)
    values: tuple[str, ...] = TrainConfig.__dataclass_fields__[name].metadata["choices"]
    return values


def from_text(name: str, text: str) -> Any:
    """Read a setting's value as it is typed, e.g. "1e-3" as 0.001; what makes no sense stays text."""
    try:
        return msgspec.convert(text, get_type_hints(TrainConfig).get(name, str), strict=False)
    except msgspec.ValidationError:
        return text


def build(*layers: Mapping[str, Any]) -> TrainConfig:
    """Lay the mappings over the defaults, each over those before it, and check names, types and ranges."""
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
            raise ConfigError(
                f"{name} must be one of {', '.join(choices(name))}, not {merged[name]!r}"
            ) from None
        raise ConfigError(f"setting {name}: {reason[0].lower()}{reason[1:]}") from None


def read_settings(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings, or the settings of an earlier run from its record.json."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() != ".json":
            return tomllib.loads(text)
        settings = msgspec.json.decode(text)["config"]
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"settings file {path}: {error}") from None
    except (KeyError, TypeError):
        settings = None
    if not isinstance(settings, dict):
        raise ConfigError(f"settings file {path} is not a run's record: it has no table 'config'")
    return settings


def parse_hidden(text: str) -> tuple[int, ...]:
    """Read '100,100' as (100, 100) and '' as ()."""
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ConfigError(
            f"hidden layer sizes are whole numbers and commas, like 100,100; not '{text}'"
        ) from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the nearest known name, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"
