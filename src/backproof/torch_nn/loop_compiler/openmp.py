"""Run a compiled loop in torch's own threads: those of the OpenMP runtime that torch has loaded.

The region is entered by ``GOMP_parallel``, GNU's interface, which LLVM's runtime has as well.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any

import torch
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_VALUES_A_THREAD = 8192
"""Fewer are done before another thread has begun."""
_PARALLEL, _THREAD_NUMBER, _N_THREADS = "GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"
_PREFIX = "backproof_"
_VOID, _INT, _POINTER = ir.VoidType(), ir.IntType(32), cgutils.voidptr_t


def _find_runtime() -> bool:
    """Let compiled code call torch's OpenMP runtime; return False if it has no such interface (Windows)."""
    library = ctypes.CDLL(torch._C.__file__)  # which finds the symbols of all libraries that this one needs
    for name in (_PARALLEL, _THREAD_NUMBER, _N_THREADS):
        function = getattr(library, name, None)
        if function is None:
            return False
        binding.add_symbol(_PREFIX + name, ctypes.cast(function, ctypes.c_void_p).value)
    return True


FOUND = _find_runtime()
_has_forked = False


def _after_fork() -> None:
    global _has_forked
    _has_forked = True


if hasattr(os, "register_at_fork"):
    # The runtime's threads are not there in a forked process, which would wait for them for ever.
    os.register_at_fork(after_in_child=_after_fork)


def n_threads(n_values: int) -> int:
    """Return in how many threads to loop over this many values: at most as many as torch uses."""
    if not FOUND or _has_forked:
        return 1
    return max(1, min(torch.get_num_threads(), n_values // _VALUES_A_THREAD))


@intrinsic  # type: ignore[untyped-decorator]
def _enter_region(
    typing_context: Any,
    loop: Any,
    parts: Any,  # noqa: ARG001
    arguments: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Call ``loop(part, parts, *arguments)`` for all parts in as many threads, and wait for all of them.

    OpenMP may grant fewer, as OMP_THREAD_LIMIT and OMP_DYNAMIC ask for: then some threads take several parts.
    """
    argument_types = (types.intp, types.intp, *arguments.types)
    loop.get_call_type(typing_context, argument_types, {})  # compiles it

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        _, parts, arguments = values
        result = loop.dispatcher.get_compile_result(
            loop.get_call_type(context.typing_context, argument_types, {})
        )
        context.active_code_library.add_linking_library(result.library)
        module = builder.module

        # What all threads are given: the address of (parts, arguments).
        given = cgutils.alloca_once(builder, ir.LiteralStructType([parts.type, arguments.type]))
        builder.store(parts, cgutils.gep_inbounds(builder, given, 0, 0))
        builder.store(arguments, cgutils.gep_inbounds(builder, given, 0, 1))

        # What each thread runs.
        name = module.get_unique_name("part")
        body = ir.Function(module, ir.FunctionType(_VOID, [_POINTER]), name)
        body.linkage = "internal"
        inside = ir.IRBuilder(body.append_basic_block())
        received = inside.bitcast(body.args[0], given.type)
        n_parts = inside.load(cgutils.gep_inbounds(inside, received, 0, 0))
        unpacked = cgutils.unpack_tuple(inside, inside.load(cgutils.gep_inbounds(inside, received, 0, 1)))
        number, n_threads = (
            inside.sext(
                inside.call(cgutils.get_or_insert_function(module, ir.FunctionType(_INT, []), name), []),
                n_parts.type,
            )
            for name in (_PREFIX + _THREAD_NUMBER, _PREFIX + _N_THREADS)
        )
        with cgutils.for_range_slice(inside, number, n_parts, n_threads) as (part, _):
            # Loops raise nothing, unless memory for a few numbers is lacking; there is nowhere to pass it on.
            context.call_internal_no_propagate(
                inside, result.fndesc, result.signature, [part, n_parts, *unpacked]
            )
        inside.ret_void()

        parallel = cgutils.get_or_insert_function(
            module,
            ir.FunctionType(_VOID, [body.type, _POINTER, _INT, _INT]),
            _PREFIX + _PARALLEL,
        )
        builder.call(parallel, [body, builder.bitcast(given, _POINTER), builder.trunc(parts, _INT), _INT(0)])
        return context.get_dummy_value()

    return types.void(loop, types.intp, arguments), generate


def call_in_threads(loop: Any, parts: int, arguments: tuple[Any, ...]) -> None:
    """Call ``loop(part, parts, *arguments)`` for each part, in as many threads (in compiled code)."""
    if parts == 1:
        loop(0, 1, *arguments)
    else:
        _enter_region(loop, parts, arguments)


def call_in_turn(loop: Any, parts: int, arguments: tuple[Any, ...]) -> None:
    """Call ``loop(part, parts, *arguments)`` for one part after the other (in compiled code)."""
    for part in range(parts):
        loop(part, parts, *arguments)
