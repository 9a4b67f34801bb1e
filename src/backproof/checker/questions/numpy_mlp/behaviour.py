"""What a layer must not do: write to its arguments, remember too much, overflow."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import (
    Answer,
    Call,
    Request,
    Runner,
    SubmissionError,
    need_all,
    need_array,
)
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison, tolerance
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, wrong, wrong_value
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.numpy_mlp.layer_checks import softmax_p
from backproof.checker.questions.numpy_mlp.layer_mistakes import UNSTABLE_EXPONENT
from backproof.checker.questions.numpy_mlp.random_layers import (
    LAYERS,
    LayerMaker,
    RandomLayer,
    check_layers,
    draw_mlp,
    draw_steep_softmax,
)


def check_arguments_unchanged(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that no call writes to its arguments."""
    return check_layers(_inputs, runner, rng, (*LAYERS, draw_steep_softmax, draw_mlp))


def _inputs(runner: Runner, rng: np.random.Generator, draw: LayerMaker, batch: int) -> Outcome:
    layer = draw(runner, rng, batch)
    made = layer.make("layer")
    answers = need_all(runner.run([*made, *layer.passes("layer")]))
    calls = (
        ("__init__", answers[0], layer.arguments),
        ("forward", answers[len(made)], layer.forward),
        ("backward", answers[len(made) + 1], layer.backward),
    )
    for name, answer, arguments in calls:
        for number in answer.changed:
            which = f"argument {number + 1} of {layer.name}.{name}"
            shapes = {"argument": list(np.shape(arguments[number]))}
            evidence = Evidence(
                parameter=which, expected="the same as before", got="other numbers", shapes=shapes
            )
            return wrong(causes.INPUT_CHANGED_IN_PLACE, f"{which} is changed by the call.", evidence)
    return RIGHT


def check_repeatable(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that the same call gives the same, whatever other layers or earlier batches there were."""
    return check_layers(_state, runner, rng)


def _state(runner: Runner, rng: np.random.Generator, draw: LayerMaker, batch: int) -> Outcome:
    layer, leak = draw(runner, rng, batch), causes.STATE_LEAKS
    a, b = layer.make("a"), layer.make("b")
    first = need_all(runner.run([*a, *layer.passes("a")]))[len(a) :]
    fresh = need_all(runner.run([*b, *layer.passes("b")]))[len(b) :]
    _same(layer, first, fresh, causes.NONDETERMINISM, "from one new layer to the next")
    _same(layer, first, need_all(runner.run(layer.passes("a"))), leak, "at the second pass")
    forward, *rest = layer.passes("b")
    for size in (batch, batch + 1):
        other = draw(runner, rng, size)
        between = [*other.make("c"), Call("y", "c.forward", other.forward)]
        answers = _ran(runner, layer, [forward, *between, *rest])
        answers[1 : 1 + len(between)] = []
        _same(layer, first, answers, leak, "when another layer of its kind is used in between")
        past = [*layer.make("d"), *replace(other, parameters={}).passes("d")]
        answers = _ran(runner, layer, [*past, *layer.passes("d")])[len(past) :]
        _same(layer, first, answers, leak, f"after a batch of {size}")
    return RIGHT


def _ran(runner: Runner, layer: RandomLayer, requests: Sequence[Request]) -> list[Answer]:
    """Return answers; that a layer crashes which has run alone is a leak, too (OutcomeError)."""
    try:
        return need_all(runner.run(requests))
    except SubmissionError as error:
        if error.failure.kind != "crashed":
            raise
        explanation = f"{layer.name} crashes after other calls, not alone: {error.failure.message}."
        shapes = {"argument": list(layer.forward[0].shape)}
        evidence = Evidence(parameter=layer.name, shapes=shapes)
        raise OutcomeError(wrong(causes.STATE_LEAKS, explanation, evidence)) from None


def _same(layer: RandomLayer, old: list[Answer], new: list[Answer], cause: causes.Cause, when: str) -> None:
    """Raise OutcomeError if passes differ."""
    given = {f"argument {i}": array for i, array in enumerate((*layer.forward, *layer.backward), 1)}
    for name, before, after in zip(layer.values, old, new, strict=True):
        left, right = need_array(before), need_array(after)
        comparison = Comparison(name, right, np.asarray(left, np.float64), given, tolerance(left, right))
        if not comparison.right and np.isfinite(left).all():
            added = left.shape == right.shape and np.allclose(right, 2 * left, rtol=1e-4)
            what = "is added to what was there" if added else "changes"
            raise OutcomeError(wrong(cause, f"{name} {what} {when}.", comparison.evidence()))


def stable(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that softmax of scores around ±1000 is finite and right."""
    ordinary = softmax_p(runner, rng, {"B": 4, "C": 5})
    for rows in ([0], [1], [0, 1], [2, 3], [0, 1, 2, 3]):
        x = rng.normal(size=(4, 5)) + np.array([[1000.0], [-1000.0], [0.0], [0.0]])
        x[3] += [1000, -1000, 0, 998, -2]
        x = x[rows]
        p = need_array(runner.run([Call("p", "layer.forward", (x,))])[0])
        comparison = Comparison("the returned p", p, softmax(x), {"x": x}, tolerance(p))
        if comparison.right:
            continue
        if comparison.symptom != "not finite" and not ordinary.comparison.right:
            return wrong_value(ordinary.explain(), ordinary.comparison)
        vanish = p.shape == x.shape and bool((p.sum(axis=1) < 0.5).any())
        what = "vanishes for a sample whose scores are all small" if vanish else "is wrong"
        what = "is not finite" if comparison.symptom == "not finite" else what
        explanation = f"p {what}, in a batch with scores around ±1000."
        return wrong(UNSTABLE_EXPONENT, explanation, comparison.evidence())
    return RIGHT
