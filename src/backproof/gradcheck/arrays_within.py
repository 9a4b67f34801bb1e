"""Where a layer's parameters and their gradients live."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def copied(value: Any, whose: str) -> Array:
    """Return a copy of an array or a number. TypeError, which starts with whose it is, for anything else."""
    what = getattr(value, "dtype", type(value).__name__)
    if not isinstance(value, list | tuple):  # which NumPy would stack
        array = np.array(value)
        if array.dtype.kind in "fiuc":
            return array
    raise TypeError(f"{whose} {what}, expected an array of numbers")


@dataclass(frozen=True)
class Place:
    """Two attributes, of a parameter and of its gradient, with a key where these are dicts or lists."""

    parameter: str
    gradient: str
    key: Any = None

    @property
    def label(self) -> str:
        """What the gradient is called in reports: grads['weight'], grads[0] or dW."""
        return self._written(self.gradient)

    @property
    def parameter_label(self) -> str:
        """What the parameter is called."""
        return self._written(self.parameter)

    def _written(self, attribute: str) -> str:
        return attribute if self.key is None else f"{attribute}[{self.key!r}]"

    def value(self, layer: Any) -> Array:
        """Return the parameter itself, not a copy."""
        found = getattr(layer, self.parameter)
        return np.asarray(found if self.key is None else found[self.key])

    def put(self, layer: Any, value: Array) -> None:
        """Put another array in the parameter's place."""
        if self.key is None:
            setattr(layer, self.parameter, value)
        else:
            getattr(layer, self.parameter)[self.key] = value

    def gradient_of(self, layer: Any) -> Array | None:
        """Return a copy of the gradient; None where there is none, TypeError where it is no array."""
        found = getattr(layer, self.gradient, None)
        if self.key is not None and found is not None:
            try:
                found = found[self.key]
            except LookupError:
                return None
        return None if found is None else copied(found, f"{self.label} is")


def places(layer: Any, gradients: Mapping[str, str]) -> Iterator[Place]:
    """Yield where a layer's parameters are; None, numbers without a fraction and texts are none.

    ``gradients`` as for ``check_layer``.
    """
    for parameter, gradient in gradients.items():
        found = getattr(layer, parameter, None)
        if isinstance(found, Mapping):
            keyed = dict(found)
        elif isinstance(found, list | tuple):
            keyed = dict(enumerate(found))
        else:
            keyed = {None: found}
        for key, value in keyed.items():
            if value is not None and not isinstance(value, int | str):
                yield Place(parameter, gradient, key)
