"""Example arguments for a user's layer: as its file gives them, or guessed."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from backproof.arrays import Array
from backproof.checker.calls import Answer, Call, Fetch, Runner, need
from backproof.errors import ConfigError
from backproof.gradcheck.named_parameters import USUAL_GRADIENTS

EXAMPLE_HELP = (
    "give the class or its file an example: the constructor's arguments, then the shape of x (or x itself), "
    "and for a loss the targets too, as in example = (4, 3), (5, 4)"
)
MAX_NUMBERS = 100_000
"""Numbers that x or the parameters may have: each is moved, and forward called again."""


class LayerExample(NamedTuple):
    """Arguments of the constructor, and of the passes."""

    arguments: tuple[Any, ...]
    x: Array
    targets: Array | None = None

    @property
    def inputs(self) -> tuple[Array, ...]:
        """What forward takes."""
        return (self.x,) if self.targets is None else (self.x, self.targets)

    def with_samples(self, count: int) -> "LayerExample":
        """Return the same for so many samples: the first ones, again and again."""
        return LayerExample(
            self.arguments, *(np.resize(array, (count, *array.shape[1:])) for array in self.inputs)
        )


Guess = Callable[[np.random.Generator, int, int, int], LayerExample]


def _loss(rng: np.random.Generator, batch: int, n_in: int, _: int) -> LayerExample:
    p = rng.uniform(0.2, 1.0, size=(batch, n_in))
    return LayerExample((), p / p.sum(axis=1, keepdims=True), _one_hot(rng, p.shape))


GUESSES: Sequence[Guess] = (
    lambda rng, batch, n_in, _: LayerExample((0.1,), rng.normal(size=(batch, n_in))),
    lambda rng, batch, n_in, _: LayerExample((n_in,), rng.normal(size=(batch, n_in))),
    lambda rng, batch, n_in, n_out: LayerExample((n_in, n_out), rng.normal(size=(batch, n_in))),
    lambda rng, batch, n_in, _: LayerExample((), rng.normal(size=(batch, n_in))),
    _loss,
)
"""The usual signatures: (neg_slope), (n_neurons), (in_features, out_features), and none; a loss of
probabilities and one-hot targets. Each for a batch and numbers of inputs and outputs."""


def read_example(
    runner: Runner, module: str, class_name: str, rng: np.random.Generator
) -> LayerExample | None:
    """Return the example that the class or its file gives, as a value or a function; None if there is none.

    ConfigError where it has another form, SubmissionError where the function fails.
    """
    for path in (f"{module}.{class_name}.example", f"{module}.example"):
        answer = runner.run([Fetch(path)])[0]
        if answer.failure is not None and answer.failure.kind == "missing":
            continue
        if answer.failure is not None:  # no data: a function
            answer = runner.run([Call("_example", path)])[0]
        return _parsed(answer, rng)
    return None


def named_gradients(runner: Runner, target: str) -> Mapping[str, str]:
    """Return the class's ``gradients``, if these are names of attributes; else the usual ones."""
    value = runner.run([Fetch(f"{target}.gradients")])[0].value
    is_named = (
        isinstance(value, dict) and value and all(isinstance(attribute, str) for attribute in value.values())
    )
    return value if is_named else USUAL_GRADIENTS


def _parsed(answer: Answer, rng: np.random.Generator) -> LayerExample:
    value = need(answer)
    try:
        arguments, x, *rest = value
        targets = [
            given if isinstance(given, np.ndarray) else _one_hot(rng, _usable(given)) for given in rest
        ]
        if not isinstance(x, np.ndarray):
            x = rng.normal(size=_usable(x))
        example = LayerExample(tuple(arguments), x, *targets)
    except (TypeError, ValueError):
        raise ConfigError(f"this example cannot be used: {value!r:.200}; {EXAMPLE_HELP}") from None
    if x.dtype not in (np.float32, np.float64):
        raise ConfigError(f"the example's x has dtype {x.dtype}: make it float, as by x.astype(float)")
    _usable(x.shape)
    return example


def _usable(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape as a tuple. ConfigError where it is none of a batch, or of one that would take hours."""
    if not shape or not 0 < prod(shape) <= MAX_NUMBERS:
        raise ConfigError(
            f"the example's shape {shape!r:.100} is not that of a batch of 1 to {MAX_NUMBERS:,} numbers"
        )
    return tuple(shape)


def _one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    drawn = np.asarray(rng.integers(shape[-1], size=shape[:-1]))
    return np.asarray(drawn[..., None] == np.arange(shape[-1]), float)
