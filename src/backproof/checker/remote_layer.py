"""A layer in the sandbox, behind the interface of a local one."""

import copy
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np

from backproof.arrays import Array
from backproof.checker.calls import Assign, Call, Failure, Fetch, Ref, Request, Runner, SubmissionError, need
from backproof.errors import ConfigError
from backproof.gradcheck.named_parameters import USUAL_GRADIENTS, array_copy, named_parameters

_READABLE = (
    "the command reads an array, or a dict (by plain names) or list of arrays; check_layer takes others"
)
_names = cycle([f"_copy{number}" for number in range(16)])
"""Copies live for a call or two: few names keep what the sandbox holds small."""


class RemoteLayer:
    """What ``check_layer`` asks of a layer, each call a request; it is copied where it lives.

    Attributes with parameters are kept here; what changes in them is written to the layer in the sandbox
    before forward. Every method raises SubmissionError for what goes wrong there, and ConfigError for
    parameters and gradients of a form that cannot be read.
    """

    def __init__(self, runner: Runner, make: Call, gradients: Mapping[str, str]) -> None:
        self._runner, self._name, self._gradients = runner, make.name, gradients
        self._ask(make)
        self._remote_values: dict[str, Array] = {}
        """The parameters that the layer in the sandbox has, by their labels."""
        self._generator: np.random.Generator | None = None
        """Stands for one that the layer draws from."""

    @classmethod
    def construct(
        cls,
        runner: Runner,
        target: str,
        arguments: tuple[Any, ...],
        gradients: Mapping[str, str],
        rng: np.random.Generator,
    ) -> "RemoteLayer":
        """Make a layer by its constructor; it replaces the last one that was made.

        Parameters are drawn, of usual size: initial ones are often nearly or exactly zero.
        """
        layer = cls(runner, Call("_layer", target, arguments), gradients)
        for name in (*gradients, *gradients.values()):
            if hasattr(layer, name):
                raise ConfigError(f"gradients cannot name an attribute {name}")
        for name in gradients:
            layer._take_over(name)
            if getattr(layer, name) is None and gradients != USUAL_GRADIENTS:
                raise ConfigError(f"gradients names {name}, which {target} has not")
            # An attribute of the class would be shared by all copies.
            runner.run([Call("_own", "builtins.setattr", (Ref("_layer"), name, Ref(f"_layer.{name}")))])
        layer._remote_values = layer._local_values()
        for parameter in named_parameters(layer, gradients):
            drawn = rng.normal(size=parameter.value(layer).shape)
            parameter.put(layer, np.asarray(drawn).astype(parameter.value(layer).dtype))
        layer._write()
        if layer._draws_randomly():
            layer._generator = np.random.default_rng(0)
        return layer

    def __deepcopy__(self, memo: dict[int, Any]) -> "RemoteLayer":
        self._write()
        make = Call(next(_names), "copy.deepcopy", (Ref(self._name),))
        copied = RemoteLayer(self._runner, make, self._gradients)
        for name in self._gradients:
            setattr(copied, name, copy.deepcopy(getattr(self, name)))
        copied._remote_values = self._remote_values
        copied._generator = copy.deepcopy(self._generator, memo)
        return copied

    def forward(self, x: Array, *targets: Array) -> Array:
        """Call forward. TypeError for parameters of a floating dtype that the layer does not have."""
        self._write()
        if self._generator is not None:
            self._generator.random()
        return _returned("forward", self._call("forward", x, *targets))

    def backward(self, *arguments: Array) -> Array | None:
        """Call backward, and take over its gradients and what it did to the parameters."""
        dx = self._call("backward", *arguments)
        for name in (*self._gradients, *self._gradients.values()):
            self._take_over(name)
        self._remote_values = self._local_values()
        return None if dx is None else _returned("backward", dx)

    def _write(self) -> None:
        """Write the parameters that are other ones than those in the sandbox."""
        for parameter in named_parameters(self, self._gradients):
            value, label = parameter.value(self), parameter.parameter_label
            remote = self._remote_values[label]
            if value.dtype.kind == "f" and value.dtype != remote.dtype:
                raise TypeError(f"{label} is {remote.dtype}, not {value.dtype}")
            if not np.array_equal(value, remote, equal_nan=True):
                self._ask(Assign(f"{self._name}.{label}", value))
        self._remote_values = self._local_values()

    def _local_values(self) -> dict[str, Array]:
        return {
            parameter.parameter_label: parameter.value(self).copy()
            for parameter in named_parameters(self, self._gradients)
        }

    def _call(self, method: str, *arguments: Array) -> Any:
        request = Call(f"{self._name}_{method}", f"{self._name}.{method}", arguments)
        (answer,) = self._runner.run([request])
        for position in answer.changed:
            arguments[position][...] = (
                arguments[position] == 0
            )  # what was written does not come back; that it was written, does
        return need(answer)

    def _take_over(self, name: str) -> None:
        """Set an attribute as the layer in the sandbox has it, to None if it has none."""
        (answer,) = self._runner.run([Fetch(f"{self._name}.{name}")])
        value, failure = answer.value, answer.failure
        if failure is not None and failure.kind not in ("missing", "refused"):
            raise SubmissionError(failure)
        if failure is not None and failure.kind == "refused":
            raise ConfigError(f"{name} cannot be read: {failure.message}; {_READABLE}")
        if isinstance(value, dict):
            for key in value:
                if repr(key)[1:-1] != key:
                    raise ConfigError(f"{name} cannot be read: its key {key!r} is no plain name; {_READABLE}")
            value = {key: _part(f"{name}[{key!r}]", part) for key, part in value.items()}
        elif isinstance(value, list | tuple):
            value = [_part(f"{name}[{index}]", part) for index, part in enumerate(value)]
        else:
            value = _part(name, value)
        setattr(self, name, value)

    def _draws_randomly(self) -> bool:
        """Tell whether the layer holds a random generator: copying it meets every part of it."""
        *_, text = self._runner.run(
            [
                Call("_met", "builtins.dict"),
                Call("_copied", "copy.deepcopy", (Ref("_layer"), Ref("_met"))),
                Call("_parts", "_met.values"),
                Call("_types", "builtins.map", (Ref("builtins.type"), Ref("_parts"))),
                Call("_kinds", "builtins.set", (Ref("_types"),)),
                Call("_text", "builtins.repr", (Ref("_kinds"),)),
            ]
        )
        return any(name in str(need(text)) for name in ("numpy.random._generator.Generator", "RandomState"))

    def _ask(self, request: Request) -> Any:
        """Send one request; that an object is no data is no failure."""
        (answer,) = self._runner.run([request])
        return need(answer)


def _returned(method: str, value: Any) -> Array:
    """Return an array or number as an array; SubmissionError for anything else."""
    try:
        return array_copy(value, f"{method} returns")
    except TypeError as error:
        raise SubmissionError(Failure("refused", str(error))) from None


def _part(label: str, value: Any) -> Array | None:
    """Return what may be a parameter or its gradient as an array; None for other numbers and texts."""
    if value is None or isinstance(value, int | str):
        return None
    if isinstance(value, np.ndarray | np.floating | float) and np.asarray(value).dtype.kind == "f":
        return np.array(value)
    what = value.dtype if isinstance(value, np.ndarray | np.number) else type(value).__name__
    raise ConfigError(f"{label} cannot be read: it is {what}, not floats; {_READABLE}")
