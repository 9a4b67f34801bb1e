"""A layer's parameters and their gradients, by the names of the attributes that hold them."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arrays import Array

USUAL_GRADIENTS: Mapping[str, str] = {"params": "grads"}
"""Which attribute holds parameters, and which their gradients, where nothing else is said."""


def array_copy(value: Any, owner: str) -> Array:
    """Return a copy of an array or a number; TypeError, starting with ``owner``, for anything else."""
    kind = getattr(value, "dtype", type(value).__name__)
    if not isinstance(value, list | tuple):  # which NumPy would stack
        array = np.array(value)
        if array.dtype.kind in "fiuc":
            return array
    raise TypeError(f"{owner} {kind}, expected an array of numbers")


@dataclass(frozen=True)
class NamedParameter:
    """The attributes that hold a parameter and its gradient, with a key where these are dicts or lists."""

    attribute: str
    gradient_attribute: str
    key: Any = None

    @property
    def label(self) -> str:
        """What the gradient is called in reports: grads['weight'], grads[0] or dW."""
        return self._with_key(self.gradient_attribute)

    @property
    def parameter_label(self) -> str:
        """What the parameter is called."""
        return self._with_key(self.attribute)

    def _with_key(self, attribute: str) -> str:
        return attribute if self.key is None else f"{attribute}[{self.key!r}]"

    def original(self, layer: Any) -> Any:
        """Return the layer's own object: an array, or a number."""
        attribute = getattr(layer, self.attribute)
        return attribute if self.key is None else attribute[self.key]

    def value(self, layer: Any) -> Array:
        """Return the parameter as an array: the layer's own memory where it holds an array."""
        return np.asarray(self.original(layer))

    def put(self, layer: Any, value: Any) -> None:
        """Let the layer hold something else as this parameter."""
        if self.key is None:
            setattr(layer, self.attribute, value)
        else:
            getattr(layer, self.attribute)[self.key] = value

    @contextlib.contextmanager
    def changed_to(self, layer: Any, value: Array) -> Iterator[None]:
        """Give the parameter other values, in its own memory, which views share; put the old ones back."""
        original = self.original(layer)
        if isinstance(original, np.ndarray) and original.flags.writeable:
            old_values = original.copy()
            original[...] = value
            try:
                yield
            finally:
                original[...] = old_values
        else:
            self.put(layer, value)
            try:
                yield
            finally:
                self.put(layer, original)

    def takes(self, layer: Any, value: Array) -> bool:
        """Tell whether the layer can be given other values: it may refuse them, or hand out copies."""
        with contextlib.suppress(Exception), self.changed_to(layer, value):  # it may refuse in any way
            return np.array_equal(self.value(layer), value, equal_nan=True)
        return False

    def gradient_of(self, layer: Any) -> Array | None:
        """Return a copy of the gradient; None where there is none, TypeError where it is no array."""
        gradient = getattr(layer, self.gradient_attribute, None)
        if self.key is not None and gradient is not None:
            try:
                gradient = gradient[self.key]
            except LookupError:
                return None
        return None if gradient is None else array_copy(gradient, f"{self.label} is")


def named_parameters(layer: Any, gradients: Mapping[str, str]) -> Iterator[NamedParameter]:
    """Yield a layer's parameters; None, integers and strings are no parameters.

    ``gradients`` as for ``check_layer``.
    """
    for attribute, gradient_attribute in gradients.items():
        parameters = getattr(layer, attribute, None)
        if isinstance(parameters, Mapping):
            keyed = dict(parameters)
        elif isinstance(parameters, list | tuple):
            keyed = dict(enumerate(parameters))
        else:
            keyed = {None: parameters}
        for key, value in keyed.items():
            if value is not None and not isinstance(value, int | str):
                yield NamedParameter(attribute, gradient_attribute, key)
