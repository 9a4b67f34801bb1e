"""How long an answer is waited for."""

import socket
from collections.abc import Iterator

import pytest

from backproof.checker.sandbox.child import serialization
from backproof.checker.sandbox.connection import MAX_EXTENSIONS, Connection


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    ours, worker = socket.socketpair()
    control, supervisor = socket.socketpair()
    with ours, worker, control, supervisor:
        yield Connection(ours, control), worker


def test_a_worker_that_a_busy_machine_keeps_waiting_gets_more_time(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, worker = ends
    asked = []

    def is_starved() -> bool:
        asked.append(True)
        if len(asked) == 3:
            worker.sendall(serialization.pack([1.5]))
        return True

    answer = connection.exchange(serialization.pack([]), 0.05, is_starved)
    assert serialization.unpack(*answer) == [1.5]
    assert len(asked) == 3


@pytest.mark.parametrize(("starved", "times"), [(False, 1), (True, MAX_EXTENSIONS)])
def test_no_worker_is_waited_for_for_ever(
    ends: tuple[Connection, socket.socket], starved: bool, times: int
) -> None:
    asked = []

    def is_starved() -> bool:
        asked.append(True)
        return starved

    with pytest.raises(TimeoutError):
        ends[0].exchange(serialization.pack([]), 0.02, is_starved)
    assert 1 <= len(asked) <= times
