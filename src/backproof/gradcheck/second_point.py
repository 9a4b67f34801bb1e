"""A second x, and other parameters, at which a layer's gradients have to be right too."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.streams import generator
from backproof.gradcheck.upstream_gradients import proportional, same_signs

_DRAWS = 8
_CHANGES: Sequence[Callable[[np.random.Generator, Array], Array]] = (
    lambda rng, x: rng.permutation(rng.permuted(x, axis=-1)),  # rows keep their sum: probabilities
    lambda rng, x: rng.permuted(x, axis=0),  # columns keep their meaning
    lambda rng, x: x * rng.uniform(0.5, 1, size=x.shape),
    lambda rng, x: x * rng.uniform(0.98, 1, size=x.shape),
    lambda rng, x: x + rng.uniform(0.5, 1, size=x.shape) * rng.choice([-1, 1], size=x.shape),
)
"""Ways to make another x, those first that are likeliest to stay where forward and backward are meant to be
right: within the range of x, of its signs, and of whole numbers if it has them. The last is for zeros."""


class SecondPoint(NamedTuple):
    """A layer with another x, and the names of the parameters that have other values."""

    tested: LayerUnderTest
    changed: Sequence[str]


@contextlib.contextmanager
def second_point(
    tested: LayerUnderTest, y: Array, douts: Sequence[Array], seed: int
) -> Iterator[SecondPoint | None]:
    """Give the layer another x and, within the block, other parameters; None where forward takes no other x.

    Parameters of ones or zeros, as layers start with, would hide a factor or a term that backward forgets.
    One keeps its values where the layer refuses other ones, and all do where forward then takes no x.
    ``y`` is forward's result for the layer's own x, whose shape that for the second must have.
    """
    for changes_parameters in (True, False):
        with contextlib.ExitStack() as stack:
            changed = []
            if changes_parameters:
                for parameter in tested.named_parameters:
                    value = parameter.value(tested.layer)
                    other = _other_values(value, generator(seed, "parameters", parameter.parameter_label))
                    with contextlib.suppress(Exception):  # a layer may refuse another array in any way
                        stack.enter_context(parameter.changed_to(tested.layer, other))
                    if np.array_equal(parameter.value(tested.layer), other, equal_nan=True):
                        changed.append(parameter.parameter_label)
            for x in _other_inputs(tested, douts, seed):
                if _is_taken(other_layer := replace(tested, x=x), y):
                    yield SecondPoint(other_layer, changed)
                    return
    yield None


def _other_values(value: Array, rng: np.random.Generator) -> Array:
    """Return values of about the same size, of the same signs, with something small in place of zeros."""
    size = 0.1 * (np.abs(value).max(initial=0) or 1.0)
    small = size * rng.uniform(1, 3, size=value.shape) * rng.choice([-1, 1], size=value.shape)
    return np.where(value == 0, small, value * rng.uniform(0.7, 1.3, size=value.shape)).astype(value.dtype)


def _other_inputs(tested: LayerUnderTest, douts: Sequence[Array], seed: int) -> Iterator[Array]:
    """Yield an input for each of ``_CHANGES`` that gives another one than x, in their order.

    The first draw that is no multiple of what backward may read besides, and has not its signs; else one that
    is no multiple, as where x and a parameter are both positive; else any.
    """
    arrays = [*douts, *(parameter.value(tested.layer) for parameter in tested.named_parameters)]
    if tested.targets is not None and tested.targets.dtype.kind in "biuf":
        arrays.append(tested.targets.astype(np.float64))
    for change_number, change in enumerate(_CHANGES):
        usable = None
        for number in range(_DRAWS):
            rng = generator(seed, "second x", str(change_number), str(number))
            x = change(rng, tested.x).astype(tested.x.dtype)
            if np.array_equal(x, tested.x):
                continue
            is_multiple = any(proportional(x, array) for array in arrays)
            if usable is None or not is_multiple:
                usable = x
            if not is_multiple and not any(same_signs(x, array) for array in arrays):
                break
        if usable is not None:
            yield usable


def _is_taken(tested: LayerUnderTest, y: Array) -> bool:
    try:
        other_y = tested.fresh().forward(tested.x.copy())
    except Exception:  # a layer may refuse an input in any way
        return False
    return other_y.shape == y.shape and bool(np.isfinite(other_y).all())
