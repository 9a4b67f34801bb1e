"""The derivative of a layer's forward pass, by the best method that the layer allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backproof.gradcheck.arrays_within import Array, Place
from backproof.gradcheck.derivatives import central_difference, complex_step, taylor_order
from backproof.gradcheck.layer_under_test import Subject


@dataclass(frozen=True)
class Method:
    """A way to differentiate, and what it can tell apart."""

    name: str
    tolerance: float
    """Entries are compared up to this, relative to the whole gradient."""
    near: float
    """The step of one-sided slopes, which tell a kink from a mistake."""
    slope_tolerance: float
    """What these can tell apart."""


COMPLEX = Method("complex step", 1e-9, 1e-7, 1e-5)
CENTRAL = Method("central differences", 1e-6, 1e-7, 1e-5)
SINGLE = Method("central differences in float32", 1e-2, 5e-3, 1e-2)


@dataclass(frozen=True)
class Derivative:
    """The forward pass as a function of one array, the input or a parameter, the others fixed."""

    f: Callable[[Array], Array]
    at: Array
    """Where it is differentiated, as float64."""
    method: Method
    dout: Array

    def exact(self) -> Array:
        """Return the derivative of Σ dout ⊙ f at every index."""
        if self.method is COMPLEX:
            return complex_step(self.f, self.at, self.dout)
        h = SINGLE.near if self.method is SINGLE else 1e-5
        return central_difference(self.f, self.at.copy(), self.dout, h * self._size)

    def slopes(self, index: tuple[int, ...], nearer: float = 1.0) -> tuple[float, float]:
        """Return the slopes to both sides of one entry, the lower one first."""
        h = self.method.near * self._size / nearer
        step = np.zeros(self.at.shape)
        step[index] = h
        sides = (self._here - self.f(self.at - step), self.f(self.at + step) - self._here)
        low, high = sorted(float(np.sum(self.dout * each)) / h for each in sides)
        return low, high

    def order(self, gradient: Array, direction: Array) -> float:
        """Return the order of the Taylor remainder that a gradient leaves."""
        return taylor_order(lambda z: np.sum(self.dout * self.f(z)), self.at, gradient, direction)

    @cached_property
    def _here(self) -> Array:
        return self.f(self.at).astype(np.float64)

    @property
    def _size(self) -> float:
        return max(1.0, float(np.abs(self.at).max(initial=0)))


def by_input(subject: Subject, dout: Array) -> Derivative:
    """Return what differentiates by x."""
    return _by(lambda z: subject.fresh().forward(np.array(z)), subject.x, dout)


def by_parameter(subject: Subject, place: Place, dout: Array) -> Derivative:
    """Return what differentiates by a parameter, in the first way of moving it that forward notices."""
    parameter = place.value(subject.layer).copy()
    ways: Sequence[Callable[[Array], Array]] = (
        lambda z: subject.fresh().exchanged(place, np.array(z)),
        lambda z: subject.fresh().overwritten(place, z),  # forward keeps hold of the array
        lambda z: subject.overwritten(place, z),  # or of a view of it, which no copy has
    )
    moved = (parameter + 0.1 * _direction(parameter)).astype(parameter.dtype)
    noticed = (each for each in ways if _differs(each, parameter, moved))
    return _by(next(noticed, ways[1]), parameter, dout)


def _differs(f: Callable[[Array], Array], one: Array, other: Array) -> bool:
    try:
        return not np.array_equal(f(one), f(other), equal_nan=True)
    except Exception:  # a layer may refuse exchanged parameters in any way
        return False


def _by(f: Callable[[Array], Array], at: Array, dout: Array) -> Derivative:
    wide = at.astype(np.float64)
    if _is_analytic(f, wide):
        return Derivative(f, wide, COMPLEX, dout)
    if _is_double(f, wide):
        return Derivative(f, wide, CENTRAL, dout)
    return Derivative(lambda z: f(z.astype(at.dtype)), wide, SINGLE, dout)


def _is_double(f: Callable[[Array], Array], at: Array) -> bool:
    """Tell whether f computes in float64 throughout: a step that float32 would swallow has its effect."""
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
        y = f(at + 1e-30j * direction)
        if y.dtype != np.complex128 or not np.isfinite(y).all():
            return False
        slope = (f(at + 1e-6 * direction) - f(at - 1e-6 * direction)) / 2e-6
    except Exception:  # a layer may refuse complex numbers in any way
        return False
    rounded = float(np.finfo(np.float64).eps * np.abs(y).max()) / 1e-6
    return np.allclose(y.imag / 1e-30, slope, rtol=0, atol=1e-4 * float(np.abs(slope).max()) + rounded)


def _direction(at: Array) -> Array:
    """Return a direction in which no entry stands still."""
    return np.asarray(np.sin(1.0 + np.arange(at.size)).reshape(at.shape))
