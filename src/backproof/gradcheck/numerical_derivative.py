"""The derivative of a layer's forward pass, by the most exact method that the layer allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.derivatives import IMAGINARY_STEP, central_difference, complex_step, taylor_order
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.named_parameters import NamedParameter


@dataclass(frozen=True)
class Method:
    """A way to differentiate, and how small a difference it can tell."""

    name: str
    tolerance: float
    """Entries are compared up to this, relative to the whole gradient."""
    step: float
    """The step of central differences; unused by complex steps."""
    near: float
    """The step of one-sided slopes, which tell a kink from a mistake."""
    slope_tolerance: float
    """Slopes are compared up to this, relative to the whole gradient."""


COMPLEX = Method("complex step", 1e-9, 1e-5, 1e-7, 1e-5)
CENTRAL = Method("central differences", 1e-6, 1e-5, 1e-7, 1e-5)
SINGLE = Method("central differences in float32", 1e-2, 5e-3, 5e-3, 1e-2)


@dataclass(frozen=True)
class NumericalDerivative:
    """The forward pass as a function of one array, the input or a parameter, the others fixed."""

    f: Callable[[Array], Array]
    at: Array
    """Where it is differentiated, as float64."""
    method: Method
    dout: Array

    def gradient(self) -> Array:
        """Return the derivative of Σ dout ⊙ f at every index."""
        if self.method is COMPLEX:
            return complex_step(self.f, self.at, self.dout)
        return central_difference(self.f, self.at.copy(), self.dout, self.method.step * self._size)

    def along(self, direction: Array) -> Array:
        """Return the derivative of f itself along a direction, of f's shape: one or two calls of f."""
        if self.method is COMPLEX:
            return np.asarray(np.imag(self.f(self.at + 1j * IMAGINARY_STEP * direction)) / IMAGINARY_STEP)
        step = self.method.step * self._size
        plus, minus = (self.f(self.at + h * direction) for h in (step, -step))
        return np.asarray(plus.astype(np.float64) - minus) / (2 * step)

    def slopes(self, index: tuple[int, ...], nearer: float = 1.0) -> tuple[float, float]:
        """Return the slopes to both sides of one entry, the lower one first."""
        h = self.method.near * self._size / nearer
        step = np.zeros(self.at.shape)
        step[index] = h
        sides = (self._at_point - self.f(self.at - step), self.f(self.at + step) - self._at_point)
        low, high = sorted(float(np.sum(self.dout * side)) / h for side in sides)
        return low, high

    def order(self, gradient: Array, direction: Array) -> float:
        """Return the order of the Taylor remainder that a gradient leaves."""
        return taylor_order(lambda z: np.sum(self.dout * self.f(z)), self.at, gradient, direction)

    @cached_property
    def _at_point(self) -> Array:
        return self.f(self.at).astype(np.float64)

    @property
    def _size(self) -> float:
        return max(1.0, float(np.abs(self.at).max(initial=0)))


def derivatives_of(tested: LayerUnderTest, dout: Array, *, with_dx: bool) -> dict[str, NumericalDerivative]:
    """Return the derivatives by x, if wanted, and by every parameter, by their gradients' labels."""
    by_x = {"dx": derivative_by_x(tested, dout)} if with_dx else {}
    return by_x | {
        parameter.label: _derivative_by_parameter(tested, parameter, dout)
        for parameter in tested.named_parameters
    }


def derivative_by_x(tested: LayerUnderTest, dout: Array) -> NumericalDerivative:
    """Return the derivative by x."""
    return _derivative(lambda z: tested.fresh().forward(np.array(z)), tested.x, dout)


def _derivative_by_parameter(
    tested: LayerUnderTest, parameter: NamedParameter, dout: Array
) -> NumericalDerivative:
    """Return the derivative by a parameter, changed in the first way that forward notices.

    ValueError where the layer keeps the values it has, whatever is written: forward would seem not to use it.
    """
    value = parameter.value(tested.layer).copy()
    ways: Sequence[Callable[[Array], Array]] = (
        lambda z: tested.fresh().with_new_array(parameter, np.array(z)),
        lambda z: tested.fresh().with_new_values(parameter, z),  # forward keeps a reference to the array
        lambda z: tested.with_new_values(parameter, z),  # or to a view of it, which no copy shares
    )
    changed = (value + 0.1 * _direction(value)).astype(value.dtype)
    noticed = next((way for way in ways if _differs(way, value, changed)), None)
    if noticed is None and not parameter.takes(tested.fresh().layer, changed):
        how = "cannot be given other values: name the attribute that holds the array itself"
        raise ValueError(f"check_layer: {parameter.parameter_label} {how}")
    return _derivative(noticed or ways[1], value, dout)


def _differs(f: Callable[[Array], Array], one: Array, other: Array) -> bool:
    try:
        return not np.array_equal(f(one), f(other), equal_nan=True)
    except Exception:  # a layer may refuse another array in any way
        return False


def _derivative(f: Callable[[Array], Array], at: Array, dout: Array) -> NumericalDerivative:
    wide = at.astype(np.float64)
    if _is_analytic(f, wide):
        return NumericalDerivative(f, wide, COMPLEX, dout)
    if _is_double(f, wide):
        return NumericalDerivative(f, wide, CENTRAL, dout)
    return NumericalDerivative(lambda z: f(z.astype(at.dtype)), wide, SINGLE, dout)


def _is_double(f: Callable[[Array], Array], at: Array) -> bool:
    """Tell whether f computes in float64 throughout: a step too small for float32 has its effect."""
    direction = _direction(at) * max(1.0, float(np.abs(at).max(initial=0)))

    def slope(h: float) -> Array:
        return (f(at + h * direction) - f(at - h * direction)) / h

    try:
        fine, coarse = slope(1e-9), slope(1e-6)
    except Exception:  # a layer may refuse another dtype in any way
        return False
    return bool(np.abs(fine - coarse).sum() <= 0.5 * np.abs(coarse).sum())


def _is_analytic(f: Callable[[Array], Array], at: Array) -> bool:
    """Tell whether f takes complex numbers and lets small imaginary parts through as derivatives."""
    direction = _direction(at)
    try:
        y = f(at + 1j * IMAGINARY_STEP * direction)
        if y.dtype != np.complex128 or not np.isfinite(y).all():
            return False
        slope = (f(at + 1e-6 * direction) - f(at - 1e-6 * direction)) / 2e-6
    except Exception:  # a layer may refuse complex numbers in any way
        return False
    rounded = float(np.finfo(np.float64).eps * np.abs(y).max()) / 1e-6
    slack = 1e-4 * float(np.abs(slope).max()) + rounded
    return np.allclose(y.imag / IMAGINARY_STEP, slope, rtol=0, atol=slack)


def _direction(at: Array) -> Array:
    """Return a direction in which no entry is zero."""
    return np.asarray(np.sin(1.0 + np.arange(at.size)).reshape(at.shape))
