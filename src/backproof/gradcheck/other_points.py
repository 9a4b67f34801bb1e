"""Other x, and other parameters, at which a layer's gradients have to be right too."""

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
Change = Callable[[np.random.Generator, Array], Array]
_REORDERED: Sequence[Change] = (
    lambda rng, x: rng.permutation(rng.permuted(x, axis=-1)),  # rows keep their sum: probabilities
    lambda rng, x: rng.permuted(x, axis=0),  # columns keep their meaning
)
_OTHER_NUMBERS: Sequence[Change] = (
    lambda rng, x: x * rng.uniform(0.5, 1, size=x.shape),
    lambda rng, x: x * rng.uniform(0.98, 1, size=x.shape),
    lambda rng, x: x + rng.uniform(0.5, 1, size=x.shape) * rng.choice([-1, 1], size=x.shape),  # for zeros
)
"""Ways to make another x, those first that are likeliest to stay where forward and backward are meant to be
right. The same numbers in another order keep what all of them have in common, rows of length 1 for example,
which would hide a factor; other numbers do not."""


class OtherPoints(NamedTuple):
    """A layer with one other x or two, and the names of the parameters that have other values."""

    tested: Sequence[LayerUnderTest]
    changed: Sequence[str]


@contextlib.contextmanager
def other_points(
    tested: LayerUnderTest, y: Array, douts: Sequence[Array], seed: int
) -> Iterator[OtherPoints | None]:
    """Give the layer other x and, within the block, other parameters; None where forward takes no other x.

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
            kinds = [_REORDERED] if _are_indices(tested) else [_REORDERED, _OTHER_NUMBERS]
            taken = [_first_taken(tested, y, douts, changes, seed) for changes in kinds]
            if points := [point for point in taken if point is not None]:
                yield OtherPoints(points, changed)
                return
    yield None


def _are_indices(tested: LayerUnderTest) -> bool:
    """Tell whether forward takes whole numbers and rounds: x between them means nothing."""
    if not tested.x.any() or not np.array_equal(tested.x, np.round(tested.x)):
        return False
    nearby = (tested.x * (1 + 1e-6)).astype(tested.x.dtype)
    try:
        return np.array_equal(tested.fresh().forward(nearby), tested.fresh().forward(tested.x.copy()))
    except Exception:  # a layer may refuse an input in any way
        return True


def _first_taken(
    tested: LayerUnderTest, y: Array, douts: Sequence[Array], changes: Sequence[Change], seed: int
) -> LayerUnderTest | None:
    for x in _other_inputs(tested, douts, changes, seed):
        if _is_taken(other_layer := replace(tested, x=x), y):
            return other_layer
    return None


def _other_values(value: Array, rng: np.random.Generator) -> Array:
    """Return values of about the same size, of the same signs, with something small in place of zeros."""
    size = 0.1 * (np.abs(value).max(initial=0) or 1.0)
    small = size * rng.uniform(1, 3, size=value.shape) * rng.choice([-1, 1], size=value.shape)
    return np.where(value == 0, small, value * rng.uniform(0.7, 1.3, size=value.shape)).astype(value.dtype)


def _other_inputs(
    tested: LayerUnderTest, douts: Sequence[Array], changes: Sequence[Change], seed: int
) -> Iterator[Array]:
    """Yield an input for each of the changes that gives another one than x, in their order.

    The first draw that is no multiple of what backward may read besides, and has not its signs; else one that
    is no multiple, as where x and a parameter are both positive; else any.
    """
    arrays = [*douts, *(parameter.value(tested.layer) for parameter in tested.named_parameters)]
    if tested.targets is not None and tested.targets.dtype.kind in "biuf":
        arrays.append(tested.targets.astype(np.float64))
    for change in changes:
        usable = None
        for number in range(_DRAWS):
            rng = generator(seed, "other x", str(number))
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
