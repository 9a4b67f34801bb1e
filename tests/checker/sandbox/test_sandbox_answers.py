"""What goes to a submission's code, and what comes back."""

import math

import numpy as np
import pytest

from backproof.checker.calls import Assign, Call, Fetch, Ref, Request, Tensor
from backproof.checker.sandbox import Session
from checker.sandbox.hostile import MODULES, ask

pytestmark = pytest.mark.slow


def test_later_requests_run_after_a_failed_one(answering: Session) -> None:
    answering.reset()
    answers = answering.run(
        [
            Call("layer", "modules.Layer"),
            Call("a", "layer.wrong"),
            Call("b", "layer.todo"),
            Call("c", "modules.add", (Ref("a"),)),
            Call("d", "layer.forward", (np.ones((4, 3)),)),
            Call("e", "modules.suicide"),
            Fetch("layer.params"),
            Call("f", "modules.add", (1,)),
            Fetch("layer.nothing"),
        ]
    )
    kinds = [answer.failure.kind if answer.failure else "" for answer in answers]
    assert kinds == ["", "crashed", "not implemented", "missing", "", "killed", "missing", "", "missing"]
    lines = MODULES.splitlines()
    wrong = answers[1].failure
    assert wrong is not None
    assert wrong.message == "ValueError: shapes clash"
    assert wrong.where == f"modules.py:{lines.index(next(x for x in lines if 'clash' in x)) + 1}"


def test_what_is_missing_is_named(answering: Session) -> None:
    answering.reset()
    layer = Call("layer", "modules.Layer")
    requests: list[Request] = [
        Fetch("layer.params['x']"),
        Call("n", "modules.Nothing"),
        Call("m", "absent.f"),
        Fetch("layer.list[7]"),
    ]
    _, *answers = answering.run([layer, *requests])
    messages = [
        answer.failure.message for answer in answers if answer.failure and answer.failure.kind == "missing"
    ]
    assert messages[0] == "layer.params has no ['x'] (asked for: layer.params['x'])"
    assert messages[1] == "modules has no Nothing (asked for: modules.Nothing)"
    assert messages[2] == "there is no absent.py, and nothing else of that name"
    assert len(messages) == 4
    (answer,) = answering.run([Fetch("layer.bad")])
    assert answer.failure is not None
    assert answer.failure.kind == "crashed"


def test_values_and_what_is_none(answering: Session) -> None:
    answering.reset()
    scalar, rest = ask(answering, "pair")
    assert scalar.dtype == np.float32
    assert rest["a"] == [1, None, True, "é"]
    assert rest["b"] == 1 + 2j
    assert math.isnan(rest["c"])
    for name in ("thing", "objects"):
        call, fetch = answering.run([Call("kept", f"modules.{name}"), Fetch("kept")])
        assert call.value is None
        assert call.failure is None
        assert fetch.failure is not None
        assert fetch.failure.kind == "refused"
    x, y = np.zeros(2), np.zeros(3)
    (answer,) = answering.run([Call("w", "modules.write", (x, y))])
    assert answer.changed == (1,)
    assert y.tolist() == [0, 0, 0]


def test_assigning_writes_in_place_and_complex_takes_the_place(answering: Session) -> None:
    answering.reset()
    answers = answering.run(
        [
            Call("layer", "modules.Layer"),
            Call("weight", "modules.add", (Ref("layer.params['weight']"), 0)),
            Assign("layer.params['bias']", np.full(2, 3.0)),
            Fetch("layer.params['bias']"),
            Assign("layer.params['weight']", np.full((2, 3), 1j)),
            Fetch("layer.params['weight']"),
            Assign("layer.list[0]", np.ones(3)),
            Fetch("layer.list"),
            Assign("layer.params['bias']", np.ones(5)),
            Assign("data", np.ones(5)),
            Call("sum", "modules.add", (Ref("data"), Ref("data"))),
            Assign("data", np.zeros(5)),
            Fetch("data"),
            Fetch("sum"),
        ]
    )
    assert answers[3].value.tolist() == [3, 3]
    assert answers[5].value.dtype == np.complex128
    assert answers[7].value[0].tolist() == [1, 1, 1]
    assert answers[8].failure is not None
    assert answers[8].failure.message == "layer.params['bias'] has the shape (2,), not (5,)"
    assert answers[12].value.tolist() == [0] * 5
    assert answers[13].value.tolist() == [2] * 5


def test_bytecodes_are_counted_alike_each_time(answering: Session) -> None:
    answering.reset()
    short, again, long = (
        answering.run([Call("sum", "modules.total", (np.ones(n),), counted=True)])[0] for n in (5, 5, 50)
    )
    assert short.value == 5
    assert 0 < short.bytecodes == again.bytecodes
    assert long.bytecodes > 5 * short.bytecodes
    assert answering.run([Call("sum", "modules.total", (np.ones(5),))])[0].bytecodes == 0


def test_fresh_workers_draw_numbers_of_their_own(answering: Session) -> None:
    answering.reset()
    first = ask(answering, "random")
    answering.reset()
    assert not np.array_equal(first, ask(answering, "random"))


def test_tensors_go_both_ways_with_gradients(answering: Session) -> None:
    answering.reset()
    x = np.ones((4, 3), np.float32)
    _, forward, backward, dx, db, assigned, bias, half, hog = answering.run(
        [
            Call("net", "nets.Net"),
            Call("y", "net", (Tensor(x, requires_grad=True),)),
            Call("none", "y.backward", (Tensor(np.ones((4, 2), np.float32)),)),
            Fetch("net.linear.bias.grad"),
            Fetch("net.linear.weight.grad"),
            Assign("net.linear.bias", np.full(2, 0.5, np.float32)),
            Fetch("net.linear.bias"),
            Call("h", "nets.half", (Tensor(x),)),
            Call("big", "nets.hog"),
        ]
    )
    assert forward.value.shape == (4, 2)
    assert backward.failure is None
    assert dx.value.tolist() == [4, 4]
    assert db.value.shape == (2, 3)
    assert assigned.failure is None
    assert bias.value.tolist() == [0.5, 0.5]
    assert half.value.dtype == np.float32
    assert hog.failure is not None
    assert hog.failure.kind == "killed"
