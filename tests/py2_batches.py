"""Write small batch files as Python 2's pickle wrote CIFAR-10's: opcode for opcode, but fewer images."""

import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def pickled(value: Any) -> bytes:
    """Pickle dicts, lists, tuples, whole numbers, None, (byte) strings and uint8 arrays by protocol 2."""
    return pickle.PROTO + b"\x02" + _encode(value) + pickle.STOP


def small_batch(rng: np.random.Generator, n: int = 20) -> dict[str, Any]:
    """A batch of n images whose labels run through all ten classes."""
    return {
        "data": rng.integers(0, 256, (n, 3072), dtype=np.uint8),
        "labels": [int(label) for label in rng.permutation(n) % 10],
        "filenames": [f"image_{number}.png" for number in range(n)],
    }


def write_folder(folder: Path, rng: np.random.Generator, n: int = 20) -> dict[str, dict[str, Any]]:
    """Write all six batch files and return what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    batches = {name: small_batch(rng, n) for name in BATCHES}
    for name, batch in batches.items():
        (folder / name).write_bytes(pickled(batch))
    return batches


def archive(members: dict[str, bytes]) -> bytes:
    """Make a .tar.gz of these members, in this order."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


def _encode(value: Any) -> bytes:
    match value:
        case None:
            return pickle.NONE
        case bool():
            return pickle.NEWTRUE if value else pickle.NEWFALSE
        case int():
            return pickle.BININT + struct.pack("<i", value)
        case str():
            return _encode(value.encode())
        case bytes():
            return pickle.BINSTRING + struct.pack("<i", len(value)) + value
        case list():
            return pickle.EMPTY_LIST + pickle.MARK + b"".join(map(_encode, value)) + pickle.APPENDS
        case tuple():
            return pickle.MARK + b"".join(map(_encode, value)) + pickle.TUPLE
        case dict():
            items = b"".join(_encode(key) + _encode(item) for key, item in value.items())
            return pickle.EMPTY_DICT + pickle.MARK + items + pickle.SETITEMS
        case np.ndarray():
            return _encode_array(value)
    raise TypeError(type(value))


def _encode_array(array: np.ndarray) -> bytes:
    """Encode what ndarray.__reduce__ says, as numpy 1 under Python 2 did."""
    code = array.dtype.str.lstrip("|<")
    dtype = (
        _called("numpy", "dtype", (code, 0, 1))
        + _encode((3, "|", None, None, None, -1, -1, 0))
        + pickle.BUILD
    )
    empty = (
        pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n"
        + pickle.MARK + pickle.GLOBAL + b"numpy\nndarray\n" + _encode((0,)) + _encode("b") + pickle.TUPLE
        + pickle.REDUCE
    )  # fmt: skip
    state = (
        pickle.MARK + _encode(1) + _encode(array.shape) + dtype + _encode(False) + _encode(array.tobytes())
    )
    return empty + state + pickle.TUPLE + pickle.BUILD


def _called(module: str, name: str, arguments: tuple[Any, ...]) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode() + _encode(arguments) + pickle.REDUCE
