"""Well-known mistakes, recognised by the gradient that they give."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from backproof.gradcheck.arrays_within import Array
from backproof.gradcheck.derivatives import relative_error
from backproof.gradcheck.layer_under_test import Subject
from backproof.gradcheck.numerical import COMPLEX, Derivative, by_input


@dataclass(frozen=True)
class Wrong:
    """A wrong gradient beside the right one."""

    name: str
    got: Array
    expected: Array
    again: Array | None
    """The same gradient for another dout; None for a loss, which has none."""
    subject: Subject
    derivative: Derivative

    def is_like(self, mistake: Array) -> bool:
        """Tell whether this mistake gives what was got; one that gives the right thing too proves nothing."""
        tolerance = max(self.derivative.method.tolerance, 1e-5)
        return _equal(self.got, mistake, tolerance) and not _equal(self.expected, mistake, tolerance)


def recognised(wrong: Wrong) -> tuple[str, str] | None:
    """Return the first known mistake that gives this gradient: its cause, and what it is in words."""
    fits = wrong.got.shape == wrong.expected.shape
    if fits and wrong.again is not None and wrong.got.any() and np.array_equal(wrong.got, wrong.again):
        return "upstream gradient ignored", "does not depend on dout: the chain rule multiplies by it"
    return next(
        ((cause, how) for cause, how, mistake in _mistakes(wrong) if wrong.is_like(mistake)),
        None,
    )


def _mistakes(wrong: Wrong) -> Iterator[tuple[str, str, Array]]:
    right, x, dout = wrong.expected, wrong.subject.x, wrong.derivative.dout
    batch = len(x)
    yield "missing 1/B", f"is {batch} times too large, the batch's size: a sum for a mean", batch * right
    yield "extra 1/B", f"is {batch} times too small, the batch's size: a mean for a sum", right / batch
    yield "opposite sign", "has the opposite sign", -right
    if right.ndim == 2:
        yield "weight transposed", "is its own transpose", right.T
    if wrong.name == "dx":
        yield from _mistakes_in_dx(wrong)
    elif _is_sum_over_axes(right, dout):
        for axes in _subsets(dout.ndim):
            total, how = dout.sum(axes), f"is dout summed over {_axes(axes)}"
            yield "bias summed over the wrong axis", how, total
            if total.size == 1:
                yield "bias summed over the wrong axis", how, np.full(right.shape, total)


def _mistakes_in_dx(wrong: Wrong) -> Iterator[tuple[str, str, Array]]:
    subject, derivative = wrong.subject, wrong.derivative
    for place in subject.places:
        weight, turned = place.value(subject.layer), subject.fresh()
        is_square = weight.ndim == 2 and weight.shape[0] == weight.shape[1]
        if is_square and turned is not subject:  # what cannot be copied stays as it is
            place.put(turned.layer, weight.T.copy())
            what = f"is what it were with {place.parameter_label} transposed"
            yield "weight transposed", what, by_input(turned, derivative.dout).exact()
    y = subject.fresh().forward(subject.x.copy())
    if derivative.method is COMPLEX and y.shape == subject.x.shape and np.allclose(y.sum(-1), 1):
        diagonal = derivative.dout * y * (1 - y)
        yield "softmax's outer product missing", "takes the diagonal of softmax's Jacobian alone", diagonal


def _is_sum_over_axes(gradient: Array, dout: Array) -> bool:
    """Tell whether a gradient is that of a bias."""
    return any(_equal(gradient, dout.sum(axes), 1e-2) for axes in _subsets(dout.ndim))


def _subsets(count: int) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(range(count), size) for size in range(count + 1))


def _axes(axes: tuple[int, ...]) -> str:
    if not axes:
        return "no axis"
    return f"ax{'is' if len(axes) == 1 else 'es'} {' and '.join(map(str, axes))}"


def _equal(one: Array, other: Array, tolerance: float) -> bool:
    return one.shape == other.shape and bool(other.any()) and relative_error(one, other) <= tolerance
