"""A layer as the check sees it: calls that cannot disturb what is measured, and ways to move its inputs."""

import contextlib
import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Self

import numpy as np

from backproof.gradcheck.arrays_within import Array, Place, copied, places

Values = dict[str, Array | None]
"""What one pass gives, by label: y, dx, and the gradients; None for what is not there."""


@dataclass(frozen=True)
class Subject:
    """A layer, what it is called with, and the names of its parts."""

    layer: Any
    x: Array
    targets: Array | None
    """What a loss takes besides x, in both of its passes; None for a layer, whose backward takes dout."""
    gradients: Mapping[str, str]
    """Attributes with parameters (an array, or a dict or list of them) → attributes with their gradients."""
    places: tuple[Place, ...]
    """Where the parameters are before any pass."""
    forward_name: str
    backward_name: str

    def fresh(self) -> Self:
        """Return a copy in the same state; the layer itself where it cannot be copied."""
        with contextlib.suppress(Exception):  # whatever a layer holds: open files, locks, modules
            return replace(self, layer=copy.deepcopy(self.layer))
        return self

    def draws_randomly(self) -> bool:
        """Tell whether the layer holds a random generator: copying it meets every part of it."""
        met: dict[int, Any] = {}
        with contextlib.suppress(Exception):  # as above
            copy.deepcopy(self.layer, met)
        return any(isinstance(each, np.random.Generator | np.random.RandomState) for each in met.values())

    def parameters(self) -> dict[str, Array]:
        """Return copies of all parameters that there are by now, by their labels."""
        now = places(self.layer, self.gradients)
        return {place.parameter_label: place.value(self.layer).copy() for place in now}

    def forward(self, x: Array) -> Array:
        """Call the forward pass, and return a copy of what it returns. TypeError for what is no array."""
        rest = () if self.targets is None else (self.targets.copy(),)
        y = getattr(self.layer, self.forward_name)(x, *rest)
        return copied(y, f"{self.forward_name} returns")

    def backward(self, x: Array, dout: Array) -> Values:
        """Call the backward pass, a layer's with dout, a loss's as it takes them; return the gradients.

        TypeError for what is no array.
        """
        backward = getattr(self.layer, self.backward_name)
        if self.targets is None:
            dx = backward(dout)
        else:
            dx = backward(x, self.targets.copy()) if signature(backward).parameters else backward()
        found: Values = {"dx": None if dx is None else copied(dx, f"{self.backward_name} returns")}
        return found | {place.label: place.gradient_of(self.layer) for place in self.places}

    def run(self, x: Array, dout: Array) -> Values:
        """Go forward and back, on copies."""
        x = x.copy()
        return {"y": self.forward(x)} | self.backward(x, dout.copy())

    def exchanged(self, place: Place, value: Array) -> Array:
        """Return forward's result with another array in a parameter's place, of any dtype."""
        kept = place.value(self.layer)
        place.put(self.layer, value)
        try:
            return self.forward(self.x.copy())
        finally:
            place.put(self.layer, kept)

    def overwritten(self, place: Place, value: Array) -> Array:
        """Return forward's result with other values in a parameter's own memory."""
        parameter = place.value(self.layer)
        kept = parameter.copy()
        np.copyto(parameter, value)  # TypeError for complex numbers
        try:
            return self.forward(self.x.copy())
        finally:
            parameter[...] = kept
