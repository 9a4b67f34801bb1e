"""bfloat16 in loops over arrays: as its bits, in uint16, since numba lacks the type."""

from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.torch_nn.loop_compiler.compiled import overloaded

_HALF, _ONE, _WIDTH = np.uint32(0x7FFF), np.uint32(1), np.uint32(16)
_NAN = np.uint16(0x7FC0)


def _widened_bits(value: Any) -> Any:
    # Converted twice: integers grow to 64 bits in each operation of numba's.
    return np.uint32(np.uint32(value) << _WIDTH).view(np.float32)


def _rounded_bits(value: Any, array: Any) -> Any:  # noqa: ARG001
    # Adding half of the last digit that stays, or less by one where that digit is even, carries to round up.
    bits = np.float32(value).view(np.uint32)
    nearest = np.uint32(bits + _HALF + ((bits >> _WIDTH) & _ONE)) >> _WIDTH
    return np.uint16(nearest) if value == value else _NAN


def _as_it_is(value: Any) -> Any:
    return value


def _unchanged(value: Any, array: Any) -> Any:  # noqa: ARG001
    return value


@overloaded(lambda value: _widened_bits if str(value) == "uint16" else _as_it_is)
def widened(value: Any) -> Any:
    """Return the float32 that bfloat16's bits stand for; any other number as it is."""
    return _widened_bits(value) if isinstance(value, np.uint16) else value


@overloaded(lambda _, array: _rounded_bits if str(array.dtype) == "uint16" else _unchanged)
def rounded(value: Any, array: npt.NDArray[Any]) -> Any:
    """Return a float as ``array`` holds it: where that is of uint16, bfloat16's bits, to nearest even."""
    if array.dtype != np.uint16:
        return value
    with np.errstate(over="ignore"):  # where NaN is, which is not rounded
        return _rounded_bits(value, array)
