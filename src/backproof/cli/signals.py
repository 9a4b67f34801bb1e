"""Ctrl-C, a termination signal, the end of the terminal: handled between two steps, or as an exception."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""The exit code of a command that a signal ended."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last not on Windows


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has come since, for stopping between two steps.

    Only the first is caught: a second one ends the program at once, as without this.
    """
    received: list[int] = []
    before = _not_ignored()

    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        _restore(before)

    for number in before:
        signal.signal(number, handle)
    try:
        yield lambda: bool(received)
    finally:
        _restore(before)


@contextmanager
def interrupt_on_signal() -> Iterator[None]:
    """Have every signal raise KeyboardInterrupt as Ctrl-C does, so that what is open is closed.

    Only the first: one that follows does not disturb the closing, but for a second Ctrl-C.
    """
    before = _not_ignored()
    before.pop(signal.SIGINT, None)  # which does so anyway

    def interrupt(_: int, __: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        _restore(before)


def _not_ignored() -> dict[int, Any]:
    """Return signals and their handlers; what the caller's shell has set to be ignored stays so."""
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
