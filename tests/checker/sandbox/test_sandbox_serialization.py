"""Data between the checker and the child."""

import math
import struct

import numpy as np
import pytest

from backproof.checker.sandbox.child import serialization


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '["array"]',
        '["array", "O", [1], 0]',
        '["array", "<f8", [-1], 0]',
        '["array", "<f8", [2], 0]',
        '["array", "<f8", [1], 1]',
        '["list", ["array", "<f8", [1], 0], ["array", "<f8", [1], 0]]',
        '["array", "<f8", [0, 1e9], 0]',
        '["array", "<f8", [0, 99999999999999999999], 0]',
        '["array", "<U1", [1], 0]',
        '["array", "V8,O", [1], 0]',
        '["dict", 3]',
        '{"list": 1, "x": 2}',
        '["complex", "x", 1]',
        '["complex", ["list"], 1]',
        '["ref", "x"]',
        "[" * 100_000,
        "9" * 5000,
        "1 2",
        '"\u00e9"',
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(serialization.RefusedError):
        serialization.unpack(text.encode(), bytes(8))


def test_heads_that_announce_too_much_are_refused() -> None:
    for head in (struct.pack("!4sIQ", b"bpw1", 1, 1 << 40), struct.pack("!4sIQ", b"xxxx", 1, 1)):
        with pytest.raises(serialization.RefusedError):
            serialization.lengths(head)


def test_data_survive_the_wire() -> None:
    tree = {
        "a": [1, -2.5, math.inf, "x\u2028\ud800", None, True, (1, 2)],
        "b": np.arange(6.0).reshape(2, 3).T,
    }
    frame = serialization.pack(tree)
    text, size = serialization.lengths(frame[: serialization.HEAD.size])
    data = frame[serialization.HEAD.size :]
    back = serialization.unpack(data[:text], data[text : text + size])
    assert back["a"] == tree["a"]
    np.testing.assert_array_equal(back["b"], tree["b"])
    assert back["b"].flags.writeable
    assert serialization.unpack(b'["array","|b1",[0,3],0]', b"").shape == (0, 3)
