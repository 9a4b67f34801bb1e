"""A layer as the check calls it: on copies, so that no call disturbs another."""

import contextlib
import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Self

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.named_parameters import NamedParameter, array_copy, named_parameters

PassResults = dict[str, Array | None]
"""y, dx and the parameters' gradients of one pass, by label; None for what is not there."""


@dataclass(frozen=True)
class LayerUnderTest:
    """A layer, its inputs, and the names of its methods and attributes."""

    layer: Any
    x: Array
    targets: Array | None
    """What a loss takes besides x, in both of its passes; None for a layer, whose backward takes dout."""
    gradients: Mapping[str, str]
    """Attributes with parameters (an array, or a dict or list of them) → attributes with their gradients."""
    named_parameters: tuple[NamedParameter, ...]
    """The parameters before any pass."""
    forward_name: str
    backward_name: str

    def fresh(self) -> Self:
        """Return a copy in the same state; the layer itself where it cannot be copied."""
        with contextlib.suppress(Exception):  # whatever a layer holds: open files, locks, modules
            return replace(self, layer=copy.deepcopy(self.layer))
        return self

    def draws_randomly(self) -> bool:
        """Tell whether forward draws from a generator that the layer holds: copying it reaches every part."""
        memo: dict[int, Any] = {}
        try:
            layer = copy.deepcopy(self.layer, memo)
        except Exception:  # as above
            return False
        held = [
            part for part in memo.values() if isinstance(part, np.random.Generator | np.random.RandomState)
        ]
        before = [pickle.dumps(generator) for generator in held]
        replace(self, layer=layer).forward(self.x.copy())
        return before != [pickle.dumps(generator) for generator in held]

    def parameter_values(self) -> dict[str, Array]:
        """Return copies of all parameters that there are by now, by their labels."""
        now = named_parameters(self.layer, self.gradients)
        return {parameter.parameter_label: parameter.value(self.layer).copy() for parameter in now}

    def forward(self, x: Array) -> Array:
        """Call the forward pass, and return a copy of what it returns. TypeError for what is no array."""
        more = () if self.targets is None else (self.targets.copy(),)
        y = getattr(self.layer, self.forward_name)(x, *more)
        return array_copy(y, f"{self.forward_name} returns")

    def backward(self, x: Array, dout: Array) -> PassResults:
        """Call the backward pass, a layer's with dout, a loss's as it takes them; return the gradients.

        TypeError for what is no array.
        """
        backward = getattr(self.layer, self.backward_name)
        if self.targets is None:
            dx = backward(dout)
        else:
            dx = backward(x, self.targets.copy()) if _takes_two(backward) else backward()
        dx = None if dx is None else array_copy(dx, f"{self.backward_name} returns")
        return {"dx": dx} | {
            parameter.label: parameter.gradient_of(self.layer) for parameter in self.named_parameters
        }

    def run(self, x: Array, dout: Array) -> PassResults:
        """Call both passes, on copies of x and dout."""
        x = x.copy()
        return {"y": self.forward(x)} | self.backward(x, dout.copy())

    def with_new_array(self, parameter: NamedParameter, value: Array) -> Array:
        """Return forward's result with another array as a parameter, of any dtype."""
        original = parameter.original(self.layer)
        parameter.put(self.layer, value)
        try:
            return self.forward(self.x.copy())
        finally:
            parameter.put(self.layer, original)

    def with_new_values(self, parameter: NamedParameter, value: Array) -> Array:
        """Return forward's result with other values in a parameter's own memory."""
        memory = parameter.value(self.layer)
        old_values = memory.copy()
        np.copyto(memory, value)  # TypeError for complex numbers
        try:
            return self.forward(self.x.copy())
        finally:
            memory[...] = old_values


def _takes_two(backward: Callable[..., Any]) -> bool:
    """Tell whether a loss's backward takes x and targets, rather than nothing but perhaps a factor."""
    try:
        signature(backward).bind(None, None)
    except TypeError:
        return False
    return True
