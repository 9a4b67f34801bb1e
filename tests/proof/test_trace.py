"""A trace names the functions that ran and those that computed; profilers and debuggers go on afterwards."""

import cProfile
import pstats
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from backproof.numpy_nn.activations import Softmax
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.expression import Array
from backproof.proof.prove import prove
from backproof.proof.trace import trace

FORWARD, BACKWARD = (f"numpy_nn.activations.Softmax.{name}" for name in ("forward", "backward"))


def passes() -> Iterator[Array]:
    sample = EQUATIONS["softmax.dx"].sample(seed=0)
    layer = Softmax()
    [x, _] = sample.arrays.values()
    yield layer.forward(x)
    yield layer.backward(x)


def test_what_runs_before_the_last_call_does_not_compute_the_value() -> None:
    traced = trace(passes())
    assert {FORWARD, BACKWARD} <= traced.computing_functions
    assert "numpy_nn.activations.Softmax.__init__" in traced.called_functions - traced.computing_functions
    assert len(traced.values) == 2


def test_under_cprofile_which_goes_on() -> None:
    def afterwards() -> None:
        pass

    profiler = cProfile.Profile()
    profiler.enable()
    try:
        assert prove(EQUATIONS["softmax.dx"], samples=1).is_proven
        assert FORWARD in trace(passes()).computing_functions
        afterwards()
    finally:
        profiler.disable()
    names = {name for _, _, name in pstats.Stats(profiler).stats}  # type: ignore[attr-defined]
    assert "afterwards" in names


def test_under_a_profiler_of_python_and_a_debugger_which_go_on() -> None:
    def watch(*_: Any) -> None:
        pass

    before = sys.getprofile(), sys.gettrace()
    sys.setprofile(watch)
    sys.settrace(watch)
    try:
        traced = trace(passes())
        during = sys.getprofile(), sys.gettrace()
    finally:
        sys.setprofile(before[0])
        sys.settrace(before[1])
    assert during == (watch, watch)
    assert {FORWARD, BACKWARD} <= traced.computing_functions


def test_an_error_does_not_leave_the_hook_behind() -> None:
    def wrong() -> Iterator[Array]:
        yield from passes()
        raise ArithmeticError

    before = sys.getprofile()
    with pytest.raises(ArithmeticError):
        trace(wrong())
    assert sys.getprofile() is before
