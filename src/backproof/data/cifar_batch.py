"""Read one batch file of CIFAR-10: a pickle of Python 2, opened so that nothing in it can run.

The only callables that such a file may name are the three that rebuild a NumPy array; each is replaced
by a stand-in that accepts a plain uint8 array and nothing else.
"""

import io
import pickle
import pickletools
import reprlib
import warnings
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from backproof.errors import DataError

_N_CLASSES = 10
_N_PIXELS = 3 * 32 * 32
_MOST_TUPLES = 20
_MOST_BITS = 64


def read_batch(content: bytes, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return images (N, 3, 32, 32) and labels (N,), both uint8; ``name`` is for messages (DataError)."""
    if not content:
        raise DataError(f"{name} is empty; fetch CIFAR-10 again")
    try:
        _require_plain(content)
        batch = _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except _ForbiddenError as error:
        raise DataError(f"{name} is not a CIFAR-10 batch: {error}; nothing of it was run") from None
    # A damaged pickle can fail in any of these ways, depending on the byte at which it is cut.
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
            OverflowError, MemoryError) as error:  # fmt: skip
        raise DataError(f"{name} is truncated or damaged ({error}); fetch CIFAR-10 again") from None
    if not isinstance(batch, dict) or not {"data", "labels"} <= batch.keys():
        raise DataError(f"{name} is not a CIFAR-10 batch: it has no 'data' and 'labels'")
    return _checked(batch["data"], batch["labels"], name)


def _checked(data: Any, labels: Any, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Turn the two entries of a batch into arrays, once they are what they should be."""
    pixels = data.array if isinstance(data, _PickledArray) else None
    if pixels is None or pixels.ndim != 2 or pixels.shape[1] != _N_PIXELS or len(pixels) == 0:
        got = _kind(data) if pixels is None else f"an array of shape {pixels.shape}"
        raise DataError(f"{name}: 'data' is {got}, expected uint8 of shape (N, {_N_PIXELS})")
    if not isinstance(labels, list) or len(labels) != len(pixels):
        got = f"{len(labels)} entries" if isinstance(labels, list) else _kind(labels)
        raise DataError(f"{name}: 'labels' is {got}, expected a list of {len(pixels)}, one an image")
    for label in labels:
        if type(label) is not int or not 0 <= label < _N_CLASSES:
            got = reprlib.repr(label)
            raise DataError(f"{name}: 'labels' holds {got}, expected whole numbers 0 to {_N_CLASSES - 1}")
    return pixels.reshape(-1, 3, 32, 32), np.array(labels, np.uint8)


def _kind(value: Any) -> str:
    """Name what came instead, a stand-in by what it stands in for."""
    return type(value).__name__.removeprefix("_Pickled").lower()


def _require_plain(content: bytes) -> None:
    """Refuse, before any of it is done, what no batch holds and what takes memory or stack by mere claim."""
    n_nestable = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # odd escapes in the strings of a damaged file
        for operation, argument, _ in pickletools.genops(content):
            n_nestable += operation.name.startswith(("TUPLE", "FROZENSET"))
            if n_nestable > _MOST_TUPLES:
                raise _ForbiddenError("it holds tuples upon tuples")
            if isinstance(argument, int) and argument.bit_length() > _MOST_BITS:
                raise _ForbiddenError("it holds a huge number")
            if operation.name.endswith("PUT") and isinstance(argument, int) and argument > len(content):
                raise _ForbiddenError("it numbers more objects than it has bytes")


class _ForbiddenError(Exception):
    """The pickle asks for more than numbers, strings, lists, dicts and uint8 arrays."""


class _PickledDtype:
    """Stands in for numpy.dtype: unsigned bytes only."""

    def __init__(self, code: Any, *_: Any) -> None:
        if code not in ("u1", "|u1"):
            raise _ForbiddenError(f"it holds an array of dtype {reprlib.repr(code)}, only uint8 is read")

    def __setstate__(self, state: Any) -> None:
        """Byte order and such mean nothing for single bytes."""


class _PickledArray:
    """Stands in for numpy.ndarray: filled once, from bytes."""

    array: npt.NDArray[np.uint8] | None = None

    def __setstate__(self, state: Any) -> None:
        """Take numpy's own state: version, shape, dtype, Fortran order, raw bytes."""
        _, shape, dtype, fortran_order, raw = state
        if not isinstance(dtype, _PickledDtype):
            raise _ForbiddenError(f"an array's dtype is a {type(dtype).__name__}")
        if isinstance(raw, str):
            raw = raw.encode("latin1")  # a Python 2 string, which the decoding above took for text
        self.array = np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran_order else "C")


def _reconstruct(*_: Any) -> _PickledArray:
    """Stand in for numpy's function of this name, which makes the empty array that __setstate__ fills."""
    return _PickledArray()


def _ndarray(*_: Any) -> NoReturn:
    """Stand in for numpy.ndarray, which is only ever handed to _reconstruct, never called."""
    raise _ForbiddenError("it calls numpy.ndarray")


class _Unpickler(pickle.Unpickler):
    """Builds numbers, strings, lists, dicts and, through the stand-ins, uint8 arrays."""

    _allowed: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _ndarray,
        ("numpy", "dtype"): _PickledDtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every global but the three; this runs before anything it names could be called."""
        try:
            return self._allowed[module, name]
        except KeyError:
            raise _ForbiddenError(f"it names {module}.{name}") from None
