"""A connection to a worker: a frame is sent, and one received within a time."""

import select
import socket
import time
from collections.abc import Callable

from backproof.checker.sandbox.child import serialization

CHUNK = 1 << 20
MAX_EXTENSIONS = 10
"""A worker that a busy machine keeps waiting may take so many times its time by the clock."""


class Connection:
    """Frames over a socket, whose other end may send anything, at any pace, or nothing."""

    def __init__(self, worker: socket.socket, control: socket.socket) -> None:
        """``control``, where it can be read, says that the worker is dead."""
        self._worker, self._control = worker, control
        worker.setblocking(False)

    def close(self) -> None:
        """Close the connection."""
        self._worker.close()

    def exchange(self, frame: bytes, seconds: float, is_starved: Callable[[], bool]) -> tuple[bytes, bytes]:
        """Send a frame and return the text and the arrays' bytes of the one that answers it.

        After so many ``seconds`` it gets more if it ``is_starved``: kept waiting by a busy machine.
        Raises TimeoutError, ConnectionError or OSError when the worker is no more, RefusedError for what is
        no frame.
        """
        end = time.monotonic() + seconds
        latest = end + (MAX_EXTENSIONS - 1) * seconds
        unsent, received = memoryview(frame), bytearray()
        text_size = data_size = 0
        needed = serialization.HEAD.size
        while len(received) < needed:
            try:
                can_read, can_write = self._wait(end, writing=bool(unsent))
            except TimeoutError:
                if end >= latest or not is_starved():
                    raise
                end = min(end + seconds, latest)
                continue
            if can_read:
                received += self._receive(needed - len(received))
            if can_write:
                unsent = unsent[self._worker.send(unsent[:CHUNK]) :]
            if can_read and len(received) == serialization.HEAD.size:
                text_size, data_size = serialization.lengths(bytes(received))
                needed += text_size + data_size
        text_end = serialization.HEAD.size + text_size
        return bytes(received[serialization.HEAD.size : text_end]), bytes(received[text_end:])

    def _wait(self, end: float, *, writing: bool) -> tuple[bool, bool]:
        """Wait until the worker's end can be read, or written to."""
        left = end - time.monotonic()
        targets = [self._worker] if writing else []
        ready, free, _ = select.select([self._worker, self._control], targets, [], max(0.0, left))
        if left <= 0 or not (ready or free):
            raise TimeoutError
        if self._control in ready and self._worker not in ready:  # only then: the last answer counts
            raise ConnectionError
        return self._worker in ready, bool(free)

    def _receive(self, count: int) -> bytes:
        part = self._worker.recv(min(CHUNK, count))
        if not part:
            raise ConnectionError
        return part
