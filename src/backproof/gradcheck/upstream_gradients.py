"""The upstream gradients of a check: two draws of dout that no other array of the layer can stand in for."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.streams import generator

_DRAWS = 32
"""A small array may be like another by chance in most draws, and one number always has somebody's sign."""
_COSINE = 0.999


def proportional(one: Array, other: Array) -> bool:
    """Tell whether arrays of one shape are multiples of each other: as a whole, in all rows, or all columns.

    Single numbers always are; they count where they are equal but for the sign.
    """
    if one.shape != other.shape or not one.any() or not other.any():
        return False
    if one.size == 1:
        return np.allclose(np.abs(one), np.abs(other))
    views = [(one.reshape(1, -1), other.reshape(1, -1))]
    if one.shape[-1] > 1:
        views.append((one.reshape(-1, one.shape[-1]), other.reshape(-1, one.shape[-1])))
    if len(one) > 1:
        views.append((one.reshape(len(one), -1).T, other.reshape(len(one), -1).T))
    return any(_parallel(rows.astype(np.float64), others.astype(np.float64)) for rows, others in views)


def _parallel(rows: Array, others: Array) -> bool:
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    return bool(np.all(np.abs((rows * others).sum(1)) >= _COSINE * lengths))


def same_signs(one: Array, other: Array) -> bool:
    """Tell whether arrays of one shape have the same sign, or the opposite one, wherever neither is 0."""
    if one.shape != other.shape:
        return False
    signs = np.sign(one) * np.sign(other)
    signs = signs[signs != 0]
    return bool(signs.size and (signs == signs[0]).all())


def upstream_gradients(y: Array, arrays: Iterable[Array], seed: int) -> tuple[Array, Array]:
    """Return two random arrays of y's shape and dtype; every sign of the second is opposite to the first's.

    The first is no multiple of the other arrays that backward may read (x, y, the parameters) and has not
    their signs, if some draw is so; the second is no multiple of any of them. A backward pass that reads the
    signs of dout in place of theirs is right for one of the two at most, also where no draw of the first is
    unlike them all, as for a single number. ValueError where each draw is a multiple of one of the arrays.
    """
    arrays = list(arrays)
    first = next(_unlike(_draws(y, seed, "dout"), arrays, signs=True), None)
    if first is None:
        first = next(_unlike(_draws(y, seed, "dout"), arrays), None)
    if first is not None:
        opposite = (-np.sign(first) * np.abs(draw) for draw in _draws(y, seed, "second dout"))
        second = next(_unlike(opposite, [*arrays, first]), None)
        if second is not None:
            return first, second
    what = f"every dout of shape {y.shape} that seed {seed} draws is a multiple of x, y or a parameter"
    raise ValueError(f"check_layer: {what}")


def _unlike(douts: Iterable[Array], arrays: Sequence[Array], *, signs: bool = False) -> Iterator[Array]:
    """Yield those that are no multiples of the arrays, and, if wanted, have not their signs."""
    for dout in douts:
        if not any(proportional(dout, array) or (signs and same_signs(dout, array)) for array in arrays):
            yield dout


def _draws(y: Array, seed: int, purpose: str) -> Iterator[Array]:
    for number in range(_DRAWS):
        yield np.asarray(generator(seed, purpose, str(number)).normal(size=y.shape)).astype(y.dtype)
