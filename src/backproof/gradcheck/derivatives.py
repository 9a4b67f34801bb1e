"""Gradients from function values alone: of Σ dout ⊙ f(x), at every index of x.

``dout`` is the upstream gradient. Make it random: with all ones, many a wrong formula passes.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

IMAGINARY_STEP = 1e-30
"""The step of complex steps: its square is nothing beside any number."""
_CLEAR = 6
_ROUNDED = 2
"""One remainder may be small by chance; two in a row, and smaller steps add nothing."""


def complex_step(
    f: Callable[[npt.NDArray[np.complex128]], npt.ArrayLike], x: Float64Array, dout: npt.ArrayLike = 1.0
) -> Float64Array:
    """Differentiate by a step along the imaginary axis: exact to rounding, as nothing is subtracted.

    ``f`` takes x as complex128 and must be analytic around it: comparisons look at real parts, and nothing
    takes an absolute value or conjugates. Squire and Trapp (1998), SIAM Review 40(1).
    """
    z = np.array(x, np.complex128)
    gradient = np.empty(z.shape)
    for index in np.ndindex(z.shape):
        value = z[index]
        z[index] = value + 1j * IMAGINARY_STEP
        gradient[index] = np.sum(np.multiply(dout, np.imag(f(z)))) / IMAGINARY_STEP
        z[index] = value
    return gradient


def complex_jacobian(
    f: Callable[[npt.NDArray[np.complex128]], npt.ArrayLike], x: Float64Array
) -> Float64Array:
    """Return ∂f/∂x, the indices of f first, by the same step along the imaginary axis."""
    z = np.array(x, np.complex128)
    columns = []
    for index in np.ndindex(z.shape):
        value = z[index]
        z[index] = value + 1j * IMAGINARY_STEP
        columns.append(np.asarray(np.imag(f(z)) / IMAGINARY_STEP))
        z[index] = value
    return np.moveaxis(np.reshape(columns, (*z.shape, *columns[0].shape)), range(z.ndim), range(-z.ndim, 0))


def taylor_order(
    f: Callable[[Float64Array], npt.ArrayLike],
    x: Float64Array,
    gradient: Float64Array,
    direction: Float64Array,
) -> float:
    """Return how fast ``|f(x + hv) − f(x) − h ⟨gradient, v⟩|`` vanishes with h: as h² if it is right.

    A wrong gradient leaves h¹. No single step decides: h is halved until rounding is all of the remainder,
    and the order is the slope over the last six that stand clear of it, where the lowest power of h rules. A
    function that is linear along v has no remainder, and infinite order. What is not finite has order −∞.
    """
    start = float(np.asarray(f(x)))
    slope = float(np.sum(gradient * direction))
    if not np.isfinite(start + slope):
        return float("-inf")
    noise = 64 * np.finfo(np.float64).eps * max(abs(start), abs(slope), 1.0)
    clear, rounded = [], 0
    for halvings in range(7, 40):
        if rounded == _ROUNDED:
            break
        h = 0.5**halvings
        remainder = abs(float(np.asarray(f(x + h * direction))) - start - h * slope)
        if not np.isfinite(remainder):
            return float("-inf")
        if remainder > noise:
            clear.append((halvings, np.log2(remainder)))
        rounded = 0 if remainder > noise else rounded + 1
    if len(clear) < _CLEAR:
        return float("inf")
    places, logarithms = zip(*clear[-_CLEAR:], strict=True)
    return -float(np.polyfit(places, logarithms, 1)[0])


def central_difference(
    f: Callable[[Float64Array], npt.ArrayLike], x: Float64Array, dout: npt.ArrayLike = 1.0, h: float = 1e-5
) -> Float64Array:
    """Differentiate by (f(x + h) − f(x − h)) / 2h; error O(h²) plus the rounding of f divided by h.

    ``x`` itself is moved, one index at a time, and put back to the last bit: so ``f`` may also reach it by
    other ways than its argument, such as a network's parameters. ``x`` must be float64 (TypeError):
    float32 rounds more coarsely than h.
    """
    gradient = np.empty(x.shape)
    for index, plus, minus in _both_sides(f, x, h):
        gradient[index] = np.sum(np.multiply(dout, plus - minus)) / (2 * h)
    return gradient


def _both_sides(
    f: Callable[[Float64Array], npt.ArrayLike], x: Float64Array, h: float
) -> Iterator[tuple[tuple[int, ...], Float64Array, Float64Array]]:
    if x.dtype != np.float64:
        raise TypeError(f"central differences need float64, got x of shape {x.shape} with dtype {x.dtype}")
    for index in np.ndindex(x.shape):
        value = x[index]
        try:
            x[index] = value + h
            plus = np.array(f(x))  # a copy: f may hand out the same array twice
            x[index] = value - h
            minus = np.array(f(x))
        finally:
            x[index] = value
        yield index, plus, minus


def relative_error(actual: npt.ArrayLike, expected: npt.ArrayLike) -> float:
    """Return the largest difference over the largest entry of either; shapes must agree (ValueError).

    Measured against the whole array's scale, since single entries may cancel to nearly nothing. What is not
    finite, on either side, counts as infinitely wrong. The checker's own
    ``error_against`` divides by the true entries alone, and is infinite where shapes differ.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise ValueError(f"cannot compare shapes {actual.shape} and {expected.shape}")
    if not (np.isfinite(actual).all() and np.isfinite(expected).all()):
        return float("inf")
    scale = max(np.abs(actual).max(initial=0), np.abs(expected).max(initial=0))
    return float(np.abs(actual - expected).max(initial=0) / scale) if scale else 0.0
