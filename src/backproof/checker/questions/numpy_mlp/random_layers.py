"""Layers of modules.py with random parameters and inputs, for checks that all layers share."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.arrays import Array
from backproof.checker.calls import (
    Assign,
    Call,
    Failure,
    Fetch,
    Request,
    Runner,
    SubmissionError,
    need_all,
    need_array,
)
from backproof.checker.outcome import Outcome, OutcomeError
from backproof.checker.questions.numpy_mlp.layer_checks import draw_targets, make_activation, off_zero


@dataclass(frozen=True)
class RandomLayer:
    """How a layer is made, and what to give it."""

    name: str
    target: str
    arguments: tuple[Any, ...]
    forward: tuple[Array, ...]
    backward: tuple[Array, ...]
    parameters: Mapping[str, Array] = field(default_factory=dict)

    def make(self, name: str) -> list[Request]:
        """Make a layer of that name with these parameters."""
        writes = [Assign(f"{name}.params['{key}']", value) for key, value in self.parameters.items()]
        return [Call(name, self.target, self.arguments), *writes]

    def passes(self, name: str, *, counted: bool = False) -> list[Request]:
        """Go forward and backward, and fetch the gradients: answers 0, 1 and on."""
        return [
            Call("_y", f"{name}.forward", self.forward, counted=counted),
            Call("_dx", f"{name}.backward", self.backward, counted=counted),
            *(Fetch(f"{name}.grads['{key}']") for key in self.parameters),
        ]

    @property
    def values(self) -> tuple[str, ...]:
        """What the answers to ``passes`` are."""
        gradients = (f"grads['{key}']" for key in self.parameters)
        return tuple(
            f"{self.name}: {what}" for what in ("what forward returns", "what backward returns", *gradients)
        )


LayerMaker = Callable[[Runner, np.random.Generator, int], RandomLayer]
_N, _M = 5, 3


def draw_linear(
    runner: Runner, rng: np.random.Generator, batch: int, n_in: int = _N, n_out: int = _M
) -> RandomLayer:
    """Draw a LinearModule, whose parameters have the shapes that the submission gives them."""
    keys, target, arguments = ("weight", "bias"), "modules.LinearModule", (n_in, n_out)
    fetches = [Fetch(f"probe.params['{key}']") for key in keys]
    initial_values = [
        need_array(answer)
        for answer in need_all(runner.run([Call("probe", target, arguments), *fetches]))[1:]
    ]
    parameters = {
        key: np.asarray(rng.normal(size=initial.shape))
        for key, initial in zip(keys, initial_values, strict=True)
    }
    x, dout = rng.normal(size=(batch, n_in)), rng.normal(size=(batch, n_out))
    return RandomLayer("LinearModule", target, arguments, (x,), (dout,), parameters)


def draw_activation(runner: Runner, rng: np.random.Generator, batch: int) -> RandomLayer:
    """Draw a LeakyReLUModule, or the 2018 edition's ReLUModule."""
    slope = make_activation(runner, rng, "probe")
    name = "LeakyReLUModule" if slope else "ReLUModule"
    x, dout = off_zero(rng, batch, _N), rng.normal(size=(batch, _N))
    return RandomLayer(name, f"modules.{name}", (slope,) if slope else (), (x,), (dout,))


def draw_softmax(_: Runner, rng: np.random.Generator, batch: int) -> RandomLayer:
    """Draw a SoftMaxModule."""
    x, dout = rng.normal(size=(2, batch, _M))
    return RandomLayer("SoftMaxModule", "modules.SoftMaxModule", (), (x,), (dout,))


def draw_steep_softmax(runner: Runner, rng: np.random.Generator, batch: int) -> RandomLayer:
    """Draw a SoftMaxModule with a score beyond what some clip."""
    layer = draw_softmax(runner, rng, batch)
    layer.forward[0][0, 0] = 1000.0
    return layer


def draw_cross_entropy(_: Runner, rng: np.random.Generator, batch: int) -> RandomLayer:
    """Draw a CrossEntropyModule."""
    p, t = draw_targets(rng, batch, _M)
    p[0, t[0].argmin()] = 1e-13  # beyond what some clip, but no target
    return RandomLayer("CrossEntropyModule", "modules.CrossEntropyModule", (), (p, t), (p, t))


def draw_mlp(runner: Runner, rng: np.random.Generator, batch: int) -> RandomLayer:
    """Draw an MLP, with or without the slope that the 2018 edition lacks."""
    arguments: tuple[Any, ...] = (_N, [4], _M, 0.1)
    if runner.run([Call("probe", "mlp_numpy.MLP", arguments)])[0].failure is not None:
        arguments = arguments[:-1]
    x, dout = rng.normal(size=(batch, _N)), rng.normal(size=(batch, _M))
    return RandomLayer("MLP", "mlp_numpy.MLP", arguments, (x,), (dout,))


LAYERS: Sequence[LayerMaker] = (draw_linear, draw_activation, draw_softmax, draw_cross_entropy)


LayerCheck = Callable[[Runner, np.random.Generator, LayerMaker, int], Outcome]
"""Checks a layer with a batch of that size."""


def check_layers(
    check: LayerCheck,
    runner: Runner,
    rng: np.random.Generator,
    draws: Sequence[LayerMaker] = LAYERS,
    batches: Sequence[int] = (4, 1, 2),
) -> Outcome:
    """Check layer by layer; the first that is wrong decides, and notes are put together.

    The first batch size decides; the others are tried for a smaller case of what is wrong.

    A layer that crashes is another check's finding, but what cannot be checked is not right either.
    """
    failures: list[Failure] = []
    notes = []
    for draw in draws:
        try:
            outcome = _outcome(check, runner, rng, draw, batches[0])
        except SubmissionError as error:
            failures.append(error.failure)
            continue
        if outcome.verdict != "right":
            for batch in batches[1:]:
                with suppress(SubmissionError):  # it may crash with this batch alone
                    smaller = _outcome(check, runner, rng, draw, batch)
                    if smaller.cause == outcome.cause:
                        return smaller
            return outcome
        notes += [outcome.note] if outcome.note else []
    if failures:
        explanation = f"could not be judged, as a layer's own checks fail: {failures[0].message}"
        return Outcome("not run", explanation=explanation, hint="Mend the layers first.")
    return Outcome("right", note=", ".join(notes))


def _outcome(
    check: LayerCheck, runner: Runner, rng: np.random.Generator, draw: LayerMaker, batch: int
) -> Outcome:
    try:
        return check(runner, rng, draw, batch)
    except OutcomeError as error:
        return error.outcome
