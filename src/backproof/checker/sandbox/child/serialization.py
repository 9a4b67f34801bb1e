"""Data between the checker and the child: a JSON text and the arrays' bytes behind it; never a pickle.

A message is a fixed head (magic, lengths), the text, the bytes. In the text, numbers, strings, booleans and
None stand for themselves; everything else is a list that begins with its kind: ``["array", "<f8", [2, 3],
0]`` (dtype, shape, offset), ``["list", …]``, ``["tuple", …]``, ``["dict", {…}]``, ``["complex", re, im]``,
or one of the caller's own.

After the submission's import only C code and this file's own run, bound before it: a submission that replaces
parts of json or numpy does not change what is sent.
"""

import math
import struct
from collections.abc import Callable
from json import JSONDecoder
from json.encoder import encode_basestring_ascii
from typing import Any

import numpy as np
from numpy import asarray, ascontiguousarray, frombuffer, generic, ndarray
from numpy import dtype as to_dtype

MAX_TEXT = 32 << 20
MAX_BYTES = 512 << 20
MAX_DEPTH = 32
MAX_ITEMS = 1 << 20
HEAD = struct.Struct("!4sIQ")
MAGIC = b"bpw1"
NUMBERS = "biufc"
# In C, unlike the rest of json: typeshed does not know it.
_scan: Callable[[str, int], tuple[Any, int]] = vars(JSONDecoder())["scan_once"]

Encoder = Callable[[Any], "tuple[Any, ...] | None"]
Decoder = Callable[[str, "list[Any]"], Any]


class RefusedError(Exception):
    """Something is no data, too large, or no message."""


class TooLargeError(RefusedError):
    """More than MAX_BYTES, or MAX_TEXT of text."""


class _Writer:
    """Turn a tree into text, and collect its arrays."""

    def __init__(self, special: Encoder | None) -> None:
        self.special = special
        self.arrays: list[bytes] = []
        self.size = 0

    def text(self, value: Any, depth: int = 0) -> str:
        """Return a value as JSON."""
        kind = type(value)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if kind is int:
            if abs(value) >> 64:
                raise RefusedError("an integer of more than 64 bits")
            return int.__repr__(value)
        if kind is float:
            return _float_text(value)
        if kind is str:
            return encode_basestring_ascii(value)
        if depth > MAX_DEPTH:
            raise RefusedError("nested too deeply")
        if kind is complex:
            return f'["complex",{_float_text(value.real)},{_float_text(value.imag)}]'
        if isinstance(value, ndarray | generic):
            return self._array(asarray(value))
        if isinstance(value, list | tuple):
            if len(value) > MAX_ITEMS:
                raise TooLargeError(f"more than {MAX_ITEMS} items in a list")
            name = '"list"' if isinstance(value, list) else '"tuple"'
            return "[" + ",".join([name, *(self.text(item, depth + 1) for item in value)]) + "]"
        if isinstance(value, dict):
            if not all(type(key) is str for key in value):
                raise RefusedError("a dict with keys that are no strings")
            items = (
                f"{encode_basestring_ascii(key)}:{self.text(item, depth + 1)}" for key, item in value.items()
            )
            return '["dict",{' + ",".join(items) + "}]"
        parts = self.special(value) if self.special is not None else None
        if parts is None:
            raise RefusedError(f"{kind.__name__}: no data")
        return "[" + ",".join(self.text(part, depth + 1) for part in parts) + "]"

    def _array(self, array: Any) -> str:
        if array.dtype.kind not in NUMBERS:
            raise RefusedError(f"an array of dtype {array.dtype}")
        offset, dtype = self.size, array.dtype.str
        shape = ",".join(int.__repr__(n) for n in array.shape)  # before ascontiguousarray: () would be (1,)
        self.size += array.nbytes
        if self.size > MAX_BYTES:
            raise TooLargeError(f"larger than {MAX_BYTES >> 20} MB")
        self.arrays.append(ascontiguousarray(array).tobytes())
        return f'["array","{dtype}",[{shape}],{offset}]'


def _float_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


def pack(tree: Any, special: Encoder | None = None) -> bytes:
    """Encode a tree of data; ``special`` turns what is no data into a kind and data, or None.

    Raises RefusedError for anything that is no data, TooLargeError for too much of it.
    """
    writer = _Writer(special)
    text = writer.text(tree).encode()
    if len(text) > MAX_TEXT:
        raise TooLargeError(f"a text larger than {MAX_TEXT >> 20} MB")
    return b"".join([HEAD.pack(MAGIC, len(text), writer.size), text, *writer.arrays])


def lengths(head: bytes) -> tuple[int, int]:
    """Return the lengths of text and arrays that a message's head announces, or raise RefusedError."""
    magic, text, size = HEAD.unpack(head)
    if magic != MAGIC or text > MAX_TEXT or size > MAX_BYTES:
        raise RefusedError("not a message, or too large a one")
    return text, size


def unpack(text: bytes, data: bytes, special: Decoder | None = None) -> Any:
    """Decode a tree; its arrays can be written to. Raises RefusedError for anything unexpected."""
    try:
        if text.count(b"[") + text.count(b"{") > MAX_ITEMS:  # each takes many times its letters
            raise RefusedError("too many parts")
        tree, end = _scan(text.decode("ascii"), 0)
        if end != len(text):
            raise RefusedError("more than one text")
        return _Reader(data, special).tree(tree)
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        StopIteration,
        RecursionError,
        OverflowError,
    ) as error:
        raise RefusedError(f"not a message: {type(error).__name__}") from None


class _Reader:
    """Turn parsed text into a tree, with its arrays, each of which begins where the one before has ended."""

    def __init__(self, data: bytes, special: Decoder | None) -> None:
        self.data, self.special = data, special
        self.position = 0

    def tree(self, node: Any) -> Any:
        if isinstance(node, dict):
            raise RefusedError("a dict without its kind")
        if not isinstance(node, list):
            return node
        kind, *parts = node
        if kind == "array":
            return self._array(*parts)
        if kind == "complex":
            return complex(*parts)
        if kind in ("list", "tuple"):
            items = [self.tree(part) for part in parts]
            return items if kind == "list" else tuple(items)
        if kind == "dict":
            if len(parts) != 1 or not isinstance(parts[0], dict):
                raise RefusedError("no dict")
            return {key: self.tree(value) for key, value in parts[0].items()}
        if self.special is None:
            raise RefusedError("of an unknown kind")
        return self.special(kind, [self.tree(part) for part in parts])

    def _array(self, name: Any, shape: Any, offset: Any) -> np.ndarray[Any, np.dtype[Any]]:
        dtype = to_dtype(name) if isinstance(name, str) and len(name) <= 4 else None
        sizes_are_natural = all(type(n) is int and n >= 0 for n in shape)
        if dtype is None or dtype.kind not in NUMBERS or not sizes_are_natural:
            raise RefusedError("not an array of numbers")
        count = math.prod(shape)
        self.position += count * dtype.itemsize
        if offset != self.position - count * dtype.itemsize or self.position > len(self.data):
            raise RefusedError("an array at a place that is not its own")
        if count == 0:
            return np.zeros(shape, dtype)
        return frombuffer(self.data, dtype, count, offset).reshape(shape).copy()
