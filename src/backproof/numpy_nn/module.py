"""What every layer offers, and the checks at every layer's door."""

from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
T = TypeVar("T")


class Module(Protocol):
    """A layer: ``forward`` remembers what ``backward`` needs; ``backward`` follows the latest ``forward``.

    Arrays handed in are never written to. ``forward`` keeps a reference to its input, not a copy: leave
    that array alone until ``backward`` is done.
    """

    def forward(self, x: Array) -> Array:
        """Map a batch (B, …) to a batch (B, …)."""

    def backward(self, dout: Array) -> Array:
        """Turn the loss's gradient at the output into the one at the input; both keep their shapes."""


def require_matrix(where: str, name: str, x: Array, columns: int | None = None) -> None:
    """Refuse anything but a floating-point (B, columns) matrix with B ≥ 1; complex counts as floating.

    Raises ValueError for a wrong shape, TypeError for a wrong dtype; both name what came and what was due.
    """
    due = f"(B, {'C' if columns is None else columns})"
    if x.ndim != 2 or x.shape[0] == 0 or x.shape[1] == 0 or (columns is not None and x.shape[1] != columns):
        raise ValueError(f"{where}: {name} has shape {x.shape}, expected {due} with B ≥ 1")
    if not np.issubdtype(x.dtype, np.inexact):
        raise TypeError(f"{where}: {name} of shape {x.shape} has dtype {x.dtype}, expected a floating dtype")


def require_like(where: str, name: str, x: Array, reference_name: str, reference: Array) -> None:
    """Refuse an array whose shape or dtype differs from the reference's.

    Raises ValueError for a wrong shape, TypeError for a wrong dtype; both name the two sides.
    """
    if x.shape != reference.shape:
        raise ValueError(f"{where}: {name} has shape {x.shape}, but {reference_name} has {reference.shape}")
    require_dtype(where, name, x, reference_name, reference)


def require_dtype(where: str, name: str, x: Array, reference_name: str, reference: Array) -> None:
    """Refuse an array whose dtype differs from the reference's: nothing is promoted in silence."""
    if x.dtype != reference.dtype:
        raise TypeError(
            f"{where}: {name} of shape {x.shape} is {x.dtype}, but {reference_name} of shape "
            f"{reference.shape} is {reference.dtype}; convert one of them"
        )


def remembered(where: str, value: T | None) -> T:
    """Return what forward left for backward, or raise RuntimeError when forward has not run."""
    if value is None:
        raise RuntimeError(f"{where}.backward was called before {where}.forward")
    return value
