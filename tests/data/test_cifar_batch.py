"""Batch files are read exactly, or refused in one line; nothing in them ever runs."""

import pickle
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.data.cifar_batch import read_batch
from backproof.errors import DataError
from py2_batches import pickled, small_batch

ONE_IMAGE = {"data": np.zeros((1, 3072), np.uint8), "labels": [3], "filenames": ["image.png"]}


def refusal(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        read_batch(content, "some_batch")
    message = str(caught.value)
    assert message.startswith("some_batch")
    assert "\n" not in message
    assert "_pickled" not in message.lower()
    return message


def python3(value: Any) -> bytes:
    return pickle.dumps(value, protocol=4)


def opcodes(value: Any) -> bytes:
    """The opcodes that put a value on the stack."""
    return pickled(value)[len(pickle.PROTO) + 1 : -len(pickle.STOP)]


def batch_with_labels(label_opcodes: bytes) -> bytes:
    items = opcodes("data") + opcodes(ONE_IMAGE["data"]) + opcodes("labels") + label_opcodes
    return pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + pickle.MARK + items + pickle.SETITEMS + pickle.STOP


@pytest.mark.parametrize("dump", [pickled, python3])
def test_images_and_labels_are_read_exactly(rng: np.random.Generator, dump: Any) -> None:
    batch = small_batch(rng, 30)
    images, labels = read_batch(dump(batch), "batch")
    assert images.dtype == labels.dtype == np.uint8
    assert np.array_equal(images, batch["data"].reshape(30, 3, 32, 32))
    assert labels.tolist() == batch["labels"]


def test_an_array_stored_column_by_column_is_read_in_the_right_order(rng: np.random.Generator) -> None:
    batch = small_batch(rng, 5)
    images, _ = read_batch(python3(batch | {"data": np.asfortranarray(batch["data"])}), "batch")
    assert np.array_equal(images, batch["data"].reshape(5, 3, 32, 32))


@pytest.mark.parametrize("dump", [pickled, python3])
def test_a_file_cut_at_any_byte_is_refused(rng: np.random.Generator, dump: Any) -> None:
    content = dump(small_batch(rng, 1))
    for length in range(len(content)):
        refusal(content[:length])


def test_an_empty_file_is_said_to_be_empty() -> None:
    assert "empty" in refusal(b"")


@pytest.mark.parametrize("value", [[1, 2], 7, None, "text", ("data", "labels"), ONE_IMAGE["data"]])
def test_something_other_than_a_dict_is_refused(value: Any) -> None:
    assert "is not a CIFAR-10 batch" in refusal(pickled(value))


@pytest.mark.parametrize("key", ["data", "labels"])
def test_a_missing_entry_is_refused(key: str) -> None:
    content = pickled({name: value for name, value in ONE_IMAGE.items() if name != key})
    assert "has no 'data' and 'labels'" in refusal(content)


@pytest.mark.parametrize("shape", [(2, 3071), (6144,), (2, 3, 32, 32), (0, 3072), ()])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    message = refusal(pickled({"data": np.zeros(shape, np.uint8), "labels": [0, 1]}))
    assert str(shape) in message
    assert "(N, 3072)" in message


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", ">u2", "bool"])
@pytest.mark.parametrize("dump", [pickled, python3])
def test_images_of_another_dtype_are_refused(dump: Any, dtype: str) -> None:
    message = refusal(dump({"data": np.zeros((1, 3072), dtype), "labels": [0]}))
    assert "only uint8 is read" in message


@pytest.mark.parametrize("data", [None, [0] * 3072, "0" * 3072, {}])
def test_images_that_are_no_array_are_refused(data: Any) -> None:
    assert "'data' is" in refusal(pickled({"data": data, "labels": [0]}))


def test_an_array_that_was_never_filled_is_refused() -> None:
    unfilled = pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n" + opcodes(()) + pickle.REDUCE
    items = opcodes("data") + unfilled + opcodes("labels") + opcodes([0])
    refusal(pickle.EMPTY_DICT + pickle.MARK + items + pickle.SETITEMS + pickle.STOP)


def test_an_array_with_fewer_bytes_than_its_shape_says_is_refused() -> None:
    content = pickled(ONE_IMAGE)
    assert "damaged" in refusal(content.replace(struct.pack("<i", 3072), struct.pack("<i", 3071), 1))


@pytest.mark.parametrize("labels", [[], [1], [1, 2, 3], (1, 2), "12", None, {}, np.zeros(2, np.uint8)])
def test_labels_that_are_not_one_an_image_are_refused(labels: Any) -> None:
    assert "'labels' is" in refusal(pickled({"data": np.zeros((2, 3072), np.uint8), "labels": labels}))


@pytest.mark.parametrize("label", [-1, 10, 256, 1 << 40, True, None, "3", 3.0, [3]])
def test_a_label_that_is_no_class_is_refused(label: Any) -> None:
    message = refusal(python3(ONE_IMAGE | {"labels": [label]}))
    assert repr(label) in message
    assert "0 to 9" in message


def test_a_label_of_thousands_of_digits_is_refused() -> None:
    assert "a huge number" in refusal(python3(ONE_IMAGE | {"labels": [10**5000]}))


def test_a_label_of_lists_within_lists_is_refused() -> None:
    depth = 100_000
    label = pickle.EMPTY_LIST + pickle.EMPTY_LIST * depth + pickle.APPEND * depth
    refusal(batch_with_labels(label))


def test_a_dtype_of_lists_within_lists_is_refused() -> None:
    depth = 100_000
    code = pickle.EMPTY_LIST + pickle.EMPTY_LIST * depth + pickle.APPEND * depth
    refusal(
        pickle.GLOBAL + b"numpy\ndtype\n" + pickle.MARK + code + pickle.TUPLE + pickle.REDUCE + pickle.STOP
    )


def called(module: str, name: str, argument: Any) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode() + opcodes((argument,)) + pickle.REDUCE


def called_by_protocol_4(module: str, name: str, argument: Any) -> bytes:
    return opcodes(module) + opcodes(name) + pickle.STACK_GLOBAL + opcodes((argument,)) + pickle.REDUCE


def made_as_instance(module: str, name: str, argument: Any) -> bytes:
    return pickle.MARK + opcodes(argument) + pickle.INST + f"{module}\n{name}\n".encode()


@pytest.mark.parametrize("call", [called, called_by_protocol_4, made_as_instance])
@pytest.mark.parametrize("place", ["instead of the batch", "as its labels"])
@pytest.mark.parametrize(
    ("module", "name", "code"),
    [
        ("os", "system", "touch {}"),
        ("posix", "system", "touch {}"),
        ("builtins", "eval", "open({!r}, 'w')"),
        ("__builtin__", "eval", "open({!r}, 'w')"),
        ("numpy", "memmap", "{}"),
        ("numpy", "dtype.__class__", "{}"),
    ],
)
def test_a_call_hidden_in_a_batch_is_named_and_never_runs(
    tmp_path: Path, call: Any, place: str, module: str, name: str, code: str
) -> None:
    marker = tmp_path / "marker"
    attack = call(module, name, code.format(str(marker)))
    message = refusal(batch_with_labels(attack) if place == "as its labels" else attack + pickle.STOP)
    assert f"names {module}.{name};" in message
    assert "nothing of it was run" in message
    assert not marker.exists()


def test_a_call_of_numpy_ndarray_is_refused() -> None:
    assert "calls numpy.ndarray" in refusal(batch_with_labels(called("numpy", "ndarray", (1 << 30,))))


def test_a_tiny_file_cannot_claim_much_memory() -> None:
    # It stores an object under the number 2²⁴; numbers of up to 2³² are possible.
    content = pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + pickle.LONG_BINPUT + struct.pack("<I", 1 << 24)
    tracemalloc.start()
    try:
        refusal(content + pickle.STOP)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


def test_tuples_within_tuples_do_not_crash_the_process(tmp_path: Path) -> None:
    depth = 2_000_000
    key = pickle.EMPTY_TUPLE + pickle.TUPLE1 * depth
    (tmp_path / "deep").write_bytes(
        pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + key + pickle.NONE + pickle.SETITEM + pickle.STOP
    )
    reading = (
        "from pathlib import Path; from backproof.data.cifar_batch import read_batch; "
        "read_batch(Path('deep').read_bytes(), 'deep')"
    )
    process = subprocess.run([sys.executable, "-c", reading], cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 1
    assert "DataError: deep" in process.stderr


def read_or_refused(content: bytes) -> None:
    try:
        images, labels = read_batch(content, "batch")
    except DataError:
        return
    assert images.dtype == labels.dtype == np.uint8
    assert images.shape == (len(labels), 3, 32, 32)
    assert labels.max() < 10


@pytest.mark.parametrize("dump", [pickled, python3])
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_flipped_bytes_give_a_batch_or_a_refusal(dump: Any, flips: list[tuple[int, int]]) -> None:
    content = bytearray(dump(ONE_IMAGE))
    pixels = content.index(bytes(3072))
    places = [*range(pixels + 8), *range(pixels + 3072, len(content))]
    for place, value in flips:
        content[places[place % len(places)]] = value
    read_or_refused(bytes(content))


@given(st.binary(max_size=60))
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_bytes_at_random_give_a_refusal(content: bytes) -> None:
    read_or_refused(pickle.PROTO + b"\x02" + content)
