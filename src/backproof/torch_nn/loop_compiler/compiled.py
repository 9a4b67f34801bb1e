"""Functions of arrays, compiled where numba is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any, TypeVar

try:
    import numba
    from numba.extending import overload
except (ImportError, OSError):  # also of a numba that does not fit the NumPy beside it
    HAS_NUMBA = False
else:
    HAS_NUMBA = True
    from backproof.torch_nn.loop_compiler import openmp
    from backproof.torch_nn.loop_compiler.loop_cache import LoopCache

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_IN_ANY_ORDER = _OPTIONS | {"fastmath": {"contract", "reassoc", "nsz"}}
_Function = TypeVar("_Function", bound=Callable[..., Any])
_is_uncompiled = False


class Loop:
    """A function of arrays that Python calls; numba compiles it at the first call for each choice of dtypes.

    What was compiled is kept for later processes. Without numba, and within ``uncompiled``, Python runs it.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self._function = self._compiled = function
        if HAS_NUMBA:
            dispatcher = numba.njit(**_OPTIONS)(function)
            dispatcher._cache = LoopCache(function)  # ``cache=True`` would set numba's own
            self._compiled = dispatcher
            overloaded(lambda *_: function)(self)  # for other loops that call this one

    def __call__(self, *arguments: Any) -> Any:
        """Run it."""
        return self._function(*arguments) if _is_uncompiled else self._compiled(*arguments)


def loop_part(function: _Function) -> _Function:
    """Make a function one of which ``in_parts`` calls each part."""
    return _jitted(function, _OPTIONS)


def summing_loop_part(function: _Function) -> _Function:
    """Make it one that may add in any order, and so several numbers at once; what it calls keeps its own."""
    return _jitted(function, _IN_ANY_ORDER)


def _jitted(function: _Function, options: dict[str, Any]) -> _Function:
    if not HAS_NUMBA:
        return function
    dispatcher: _Function = numba.njit(**options)(function)
    return dispatcher


def called_by_loops(function: _Function) -> _Function:
    """Let compiled loops call a function, and Python as well."""
    return overloaded(lambda *_: function)(function)


def overloaded(choose: Callable[..., Callable[..., Any]]) -> Callable[[_Function], _Function]:
    """Let ``choose`` say, from the arguments' numba types, what compiled loops call in a function's place."""

    def decorate(function: _Function) -> _Function:
        if HAS_NUMBA:
            overload(function, jit_options=_OPTIONS, strict=False)(choose)
        return function

    return decorate


@overloaded(lambda *_: openmp.call_in_threads if openmp.FOUND else openmp.call_in_turn)
def in_parts(loop: Callable[..., None], parts: int, arguments: tuple[Any, ...]) -> None:
    """Call ``loop(part, parts, *arguments)`` for part 0 … parts − 1: if compiled, each in its own thread."""
    for part in range(parts):
        getattr(loop, "py_func", loop)(part, parts, *arguments)


def n_parts(n_values: int) -> int:
    """Return into how many parts to divide a loop over this many values."""
    if _is_uncompiled or not HAS_NUMBA:
        return 2
    return openmp.n_threads(n_values)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Let Python run all loops: then what is changed in their source takes effect."""
    global _is_uncompiled
    before, _is_uncompiled = _is_uncompiled, True
    try:
        yield
    finally:
        _is_uncompiled = before
