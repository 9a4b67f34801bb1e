"""Checks of the arrays that layers and losses take."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
T = TypeVar("T")


def require_matrix(where: str, name: str, x: Array) -> None:
    """Refuse anything but a floating-point (B, C) matrix with B, C ≥ 1; complex counts as floating.

    Raises ValueError for a wrong shape, TypeError for a wrong dtype; both say what is expected.
    """
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"{where}: {name} has shape {x.shape}, expected (B, C) with B, C ≥ 1")
    require_floating(where, name, x)


def require_floating(where: str, name: str, x: Array) -> None:
    """Refuse an array of no floating dtype (TypeError); complex counts as floating."""
    if not np.issubdtype(x.dtype, np.inexact):
        raise TypeError(f"{where}: {name} of shape {x.shape} has dtype {x.dtype}, expected a floating dtype")


def require_float_dtype(layer: str, dtype: npt.DTypeLike) -> None:
    """Refuse parameters of no floating dtype (TypeError), which would be rounded to whole numbers."""
    if not np.issubdtype(dtype, np.inexact):
        raise TypeError(f"{layer}: dtype is {np.dtype(dtype)}, expected a floating dtype")


def require_like(where: str, name: str, x: Array, reference_name: str, reference: Array) -> None:
    """Refuse an array whose shape or dtype differs from the reference's.

    Raises ValueError for a wrong shape, TypeError for a wrong dtype; both name both arrays.
    """
    if x.shape != reference.shape:
        raise ValueError(f"{where}: {name} has shape {x.shape}, but {reference_name} has {reference.shape}")
    require_dtype(where, name, x, reference_name, reference)


def require_dtype(where: str, name: str, x: Array, reference_name: str, reference: Array) -> None:
    """Refuse an array whose dtype differs from the reference's (TypeError): nothing is promoted."""
    if x.dtype != reference.dtype:
        raise TypeError(
            f"{where}: {name} of shape {x.shape} is {x.dtype}, but {reference_name} of shape "
            f"{reference.shape} is {reference.dtype}; convert one of them"
        )


def require_dout(layer: str, dout: Array, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    """Refuse a ∂L/∂y of another shape (ValueError) or dtype (TypeError) than y, which has these."""
    if dout.shape != shape:
        raise ValueError(f"{layer}.backward: dout has shape {dout.shape}, but y has {shape}")
    if dout.dtype != dtype:
        raise TypeError(
            f"{layer}.backward: dout of shape {dout.shape} is {dout.dtype}, but y of shape {shape} is "
            f"{np.dtype(dtype)}; convert one of them"
        )


def require_saved(where: str, saved: T | None) -> T:
    """Return what forward saved for backward (RuntimeError if forward has not run)."""
    if saved is None:
        raise RuntimeError(f"{where}.backward was called before {where}.forward")
    return saved
