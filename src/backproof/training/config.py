"""The settings of a training run, each declared once with all that is known of it."""

import difflib
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from backproof.data.augmentation import Augmentation
from backproof.data.registry import DATASETS
from backproof.errors import ConfigError
from backproof.training.optimizers import OPTIMIZERS
from backproof.training.setting import Bounds, Role, setting

_COUNT = Bounds(1, 2**31 - 1)
_COUNT_OR_ZERO = Bounds(0, 2**31 - 1)
_NOT_NEGATIVE = Bounds(0, 3.4e38, "a finite number, 0 or more")
_POSITIVE = Bounds(math.nextafter(0, 1), sys.float_info.max, "a finite number above 0")
_FRACTION = Bounds(0, math.nextafter(1, 0), "0 or more and below 1")
_DEGREES = Bounds(0, 89)
_IMAGE_SIZES = Bounds(1, 2**15, "'' (as they are) or sizes in pixels, e.g. 16,24,32")
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
    momentum: float = setting(
        0.0, "how much of the last update sgd goes on with; adam has its own", bounds=_FRACTION
    )
    nesterov: bool = setting(False, "let momentum look ahead by one update")
    norm_bias_rate: float = setting(
        1.0,
        "how many times the learning rate batch norms' biases have; their weight decay is divided by it",
        only=["torch"],
        bounds=_POSITIVE,
    )
    schedule: Literal["constant", "linear", "cosine"] = setting(
        "constant",
        "how the learning rate falls to 0 after the warm-up: not at all, linearly (with a warm-up this is "
        "one-cycle), or as half a cosine",
    )
    warmup: float = setting(
        0.0, "fraction of the steps over which the learning rate first rises linearly", bounds=_FRACTION
    )
    clip_norm: float = setting(
        0.0, "largest L2 norm of all gradients together; longer ones are scaled; 0: any", bounds=_NOT_NEGATIVE
    )
    label_smoothing: float = setting(
        0.0, "part of each target that goes to all classes alike", bounds=_FRACTION
    )
    ema_decay: float = setting(
        0.0,
        "evaluate an exponential moving average of the weights; each step keeps this much of it; 0: none",
        bounds=_FRACTION,
    )
    flip: bool = setting(False, "mirror each training image in every other epoch")
    crop_padding: int = setting(
        0, "shift training images by up to so many pixels, as a random crop does", bounds=_COUNT_OR_ZERO
    )
    cutout: int = setting(
        0, "side of a square, somewhere on each training image, that is blanked", bounds=_COUNT_OR_ZERO
    )
    rotation: float = setting(0.0, "turn training images by up to so many degrees", bounds=_DEGREES)
    scaling: float = setting(
        0.0, "enlarge or shrink training images by up to this fraction", bounds=_FRACTION
    )
    shear: float = setting(0.0, "slant training images by up to so many degrees", bounds=_DEGREES)
    image_sizes: tuple[int, ...] = setting(
        (),
        "sizes of the training images, e.g. 16,24,32, each for an equal share of the steps; '': as they are",
        only=["convnet"],
        bounds=_IMAGE_SIZES,
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
    initialization: Literal["normal", "uniform", "local"] = setting(
        "normal",
        "starting weights: the assignment's N(0, 0.0001²); PyTorch's uniform ±1/√inputs; or local, where "
        "each of the first hidden units starts with a part of the image, in dense matrices",
        only=["mlp"],
    )
    dirac: bool = setting(
        False,
        "start every convolution but the first with copies of its inputs, as many as it has outputs for",
        only=["convnet"],
    )
    steps: int = setting(1500, "mini-batches to train on", bounds=_COUNT)
    epochs: float = setting(
        0.0, "how often to train on all images, in place of steps; 0: as many steps", bounds=_NOT_NEGATIVE
    )
    batch_size: int = setting(200, "images in a mini-batch", bounds=_COUNT)
    eval_every: int = setting(
        100, "steps between evaluations; the last step always has one", Role.EVALUATION, bounds=_COUNT
    )
    views: Literal[1, 2, 6, 18] = setting(
        1,
        "besides plain accuracy, say at the end that of probabilities averaged over so many mirrored and "
        "shifted copies of each image",
        Role.EVALUATION,
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
        """Check every bound, and what some settings ask of others."""
        for field in fields(self):
            value, bounds = getattr(self, field.name), field.metadata["bounds"]
            if field.metadata["choices"] and value not in field.metadata["choices"]:
                raise _not_a_choice(field.name, value)
            for number in value if isinstance(value, tuple) else (value,):
                if bounds and not bounds.least <= number <= bounds.most:
                    raise ConfigError(f"{field.name} must be {bounds}, not {number}")
        if self.optimizer != "sgd" and (self.momentum or self.nesterov):
            raise ConfigError(
                f"momentum is for sgd; {self.optimizer} has its own: set momentum 0 and nesterov false"
            )
        if self.nesterov and not self.momentum:
            raise ConfigError("nesterov needs a momentum above 0, e.g. 0.9: give one, or set nesterov false")
        if self.data_dir is not None:
            self._require_data_dir()

    def _require_data_dir(self) -> None:
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

    @property
    def augmentation(self) -> Augmentation:
        """What becomes of the training images."""
        return Augmentation(**{field.name: getattr(self, field.name) for field in fields(Augmentation)})

    def n_steps(self, n_images: int) -> int:
        """Return how many steps it trains on so many images (ConfigError if that is none)."""
        if not self.epochs:
            return self.steps
        # A batch larger than all images is refused where batches are made.
        steps_an_epoch = max(1, n_images // self.batch_size)
        steps = round(self.epochs * steps_an_epoch)
        if not 1 <= steps <= _COUNT.most:
            possible, direction = (1, "more") if steps < 1 else (_COUNT.most, "fewer")
            raise ConfigError(
                f"epochs {self.epochs:g} of {n_images:,} images in batches of {self.batch_size} are "
                f"{steps:.3g} steps; choose {possible / steps_an_epoch:.2g} or {direction}"
            )
        return steps

    def as_dict(self) -> dict[str, Any]:
        """Return every setting by name, in plain types: what build takes back."""
        return dict(msgspec.to_builtins(asdict(self)))


def setting_names(*roles: Role) -> list[str]:
    """Return the names of the settings that have one of these roles, of all settings where none is given."""
    return [field.name for field in fields(TrainConfig) if not roles or field.metadata["role"] in roles]


def choices(name: str) -> tuple[str | int, ...]:
    """Return the values that a setting may have, () where any of its type will do."""
    kind = get_type_hints(TrainConfig)[name]
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(TrainConfig.__dataclass_fields__[name].metadata["choices"])


def laid_over(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by name, each layer over those before it."""
    merged: dict[str, Any] = {}
    for layer in layers:
        if layer.get("data", merged.get("data")) != merged.get("data"):
            merged.pop("data_dir", None)  # it was the place of the other data set
        if "steps" in layer:
            merged.pop("epochs", None)  # whoever asks for steps gets them
        merged.update(layer)
    return merged


def build(*layers: Mapping[str, Any]) -> TrainConfig:
    """Lay the mappings over the defaults, as laid_over does, and check names, types and bounds."""
    known = setting_names()
    for name in (name for layer in layers for name in layer):
        if name not in known:
            raise ConfigError(f"unknown setting '{name}'{did_you_mean(name, known)}")
    merged = laid_over(*layers)
    for name in ("hidden", "image_sizes"):
        if isinstance(merged.get(name), str):
            merged[name] = parse_sizes(name, merged[name])
    try:
        return msgspec.convert(merged, TrainConfig)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        if name in known and choices(name):
            raise _not_a_choice(name, merged[name]) from None
        raise ConfigError(f"setting {name}: {reason[0].lower()}{reason[1:]}") from None


def _not_a_choice(name: str, value: object) -> ConfigError:
    return ConfigError(f"{name} must be one of {', '.join(map(str, choices(name)))}, not {value!r}")


def parse_sizes(name: str, text: str) -> tuple[int, ...]:
    """Return '100,100' as (100, 100) and '' as () (ConfigError)."""
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ConfigError(f"{name} are whole numbers and commas, like 100,100; not '{text}'") from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest known name, or at all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"
