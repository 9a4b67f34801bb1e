"""Well-known mistakes, recognised by the gradient that they give."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.derivatives import relative_error
from backproof.gradcheck.layer_report import CauseName
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.numerical_derivative import COMPLEX, NumericalDerivative, derivative_by_x


@dataclass(frozen=True)
class WrongGradient:
    """A wrong gradient beside the right one."""

    label: str
    got: Array
    expected: Array
    for_other_dout: Array | None
    """The same gradient for another dout; None for a loss, which has none."""
    tested: LayerUnderTest
    derivative: NumericalDerivative

    def is_from(self, mistake: Array) -> bool:
        """Tell whether a mistake that gives this array explains what was got, and not the right gradient."""
        tolerance = max(self.derivative.method.tolerance, 1e-5)
        return _equal(self.got, mistake, tolerance) and not _equal(self.expected, mistake, tolerance)


def known_mistake(wrong: WrongGradient) -> tuple[CauseName, str] | None:
    """Return the first known mistake that gives this gradient: its cause, and what it is in words."""
    other = wrong.for_other_dout
    fits = wrong.got.shape == wrong.expected.shape
    if fits and other is not None and wrong.got.any() and np.array_equal(wrong.got, other):
        return CauseName.UPSTREAM_IGNORED, "does not depend on dout: the chain rule multiplies by it"
    return next(
        ((cause, how) for cause, how, mistake in _mistakes(wrong) if wrong.is_from(mistake)),
        None,
    )


def _mistakes(wrong: WrongGradient) -> Iterator[tuple[CauseName, str, Array]]:
    right, x, dout = wrong.expected, wrong.tested.x, wrong.derivative.dout
    batch = len(x)
    yield (
        CauseName.MISSING_BATCH_MEAN,
        f"is {batch} times too large, the batch's size: a sum for a mean",
        batch * right,
    )
    yield (
        CauseName.EXTRA_BATCH_MEAN,
        f"is {batch} times too small, the batch's size: a mean for a sum",
        right / batch,
    )
    yield CauseName.OPPOSITE_SIGN, "has the opposite sign", -right
    if right.ndim == 2:
        yield CauseName.WEIGHT_TRANSPOSED, "is its own transpose", right.T
    if wrong.label == "dx":
        yield from _mistakes_in_dx(wrong)
    elif _is_sum_over_axes(right, dout):
        for axes in _subsets(dout.ndim):
            total, how = dout.sum(axes), f"is dout summed over {_axes(axes)}"
            yield CauseName.BIAS_OVER_WRONG_AXIS, how, total
            if total.size == 1:
                yield CauseName.BIAS_OVER_WRONG_AXIS, how, np.full(right.shape, total)


def _mistakes_in_dx(wrong: WrongGradient) -> Iterator[tuple[CauseName, str, Array]]:
    tested, derivative = wrong.tested, wrong.derivative
    for parameter in tested.named_parameters:
        weight, transposed = parameter.value(tested.layer), tested.fresh()
        is_square = weight.ndim == 2 and weight.shape[0] == weight.shape[1]
        if is_square and transposed is not tested:  # what cannot be copied must not be changed
            parameter.put(transposed.layer, weight.T.copy())
            what = f"is what it were with {parameter.parameter_label} transposed"
            yield CauseName.WEIGHT_TRANSPOSED, what, derivative_by_x(transposed, derivative.dout).gradient()
    y = tested.fresh().forward(tested.x.copy())
    if derivative.method is COMPLEX and y.shape == tested.x.shape and np.allclose(y.sum(-1), 1):
        diagonal = derivative.dout * y * (1 - y)
        yield CauseName.OUTER_PRODUCT_MISSING, "takes the diagonal of softmax's Jacobian alone", diagonal


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
