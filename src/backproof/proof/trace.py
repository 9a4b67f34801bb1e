"""Which functions of the hand-written code run, and which of them compute a value: seen by sys.setprofile."""

import cProfile
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any, NamedTuple

from backproof.proof import docstring_labels
from backproof.proof.formula.expression import Array


class Trace(NamedTuple):
    """Values, and the names of the functions of the hand-written code that ran for them."""

    values: list[Array]
    computing_functions: frozenset[str]
    """Those that computed the values: of the last call before each value, with all that it calls.

    There may be others before, such as forward before backward.
    """
    called_functions: frozenset[str]
    """All that were called."""


def trace(values: Iterable[Array]) -> Trace:
    """Compute all values, and return them with the functions that ran.

    A profiler that is at work sees nothing of this; afterwards it goes on if Python code can let it.
    """
    computed, computing, calls = [], set(), _Calls()
    profiler = sys.getprofile()
    sys.setprofile(calls.see)
    try:
        for value in values:
            computed.append(value)
            computing |= calls.last
    finally:
        # A profiler written in C, such as cProfile up to Python 3.11, is no function that can be set again.
        sys.setprofile(profiler if callable(profiler) else None)
        if isinstance(profiler, cProfile.Profile):
            profiler.enable()
    return Trace(computed, frozenset(computing), frozenset(calls.all))


class _Calls:
    """The functions that ran, and those that did in the last call into the hand-written code."""

    def __init__(self) -> None:
        self.all: set[str] = set()
        self.last: set[str] = set()
        self._depth = 0
        self._modules = {module.__name__ for module in docstring_labels.MODULES}

    def see(self, frame: FrameType, event: str, _: Any) -> None:
        """Take note of a call or a return."""
        module = frame.f_globals.get("__name__")
        if module not in self._modules or event not in ("call", "return"):
            return
        if event == "return":
            self._depth -= 1
            return
        if self._depth == 0:
            self.last = set()
        self._depth += 1
        name = f"{module.removeprefix('backproof.')}.{frame.f_code.co_qualname}"
        self.last.add(name)
        self.all.add(name)
