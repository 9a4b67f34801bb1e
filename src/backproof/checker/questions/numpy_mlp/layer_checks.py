"""Make a layer of modules.py, give it random numbers, and compare what it computes with the exact values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import (
    Answer,
    Assign,
    Call,
    Fetch,
    Request,
    Runner,
    need_all,
    need_array,
    need_scalar,
    optional_array,
)
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison, error_against, tolerance
from backproof.checker.diagnosis import diagnose
from backproof.checker.outcome import OutcomeError, wrong
from backproof.checker.questions.check_at_sizes import CaseSizes, Trial
from backproof.checker.questions.numpy_mlp import layer_mistakes
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.numpy_mlp.layer_mistakes import KnownMistakes
from backproof.checker.questions.numpy_mlp.parameters import fits

_LOSS_TOLERANCE = 2e-4
"""Some add a constant within the logarithm: for the probabilities drawn, 1e-5 passes and 1e-4 does not."""
WEIGHT, BIAS = "layer.params['weight']", "layer.params['bias']"


def off_zero(rng: np.random.Generator, *shape: int) -> Array:
    """Draw normal numbers that keep away from LeakyReLU's kink."""
    drawn = rng.normal(size=shape)
    return np.asarray(drawn + np.copysign(0.1, drawn))


def must_keep(written: Array, answer: Answer) -> Array:
    """Return a parameter as it is kept; OutcomeError where that is not what was written to it."""
    kept = need_array(answer)
    if error_against(kept, written) > tolerance(kept):
        evidence = Evidence(parameter="params", expected="the numbers written", got="others")
        raise OutcomeError(
            wrong(causes.WRONG_FORWARD_VALUE, "params keep other numbers than are written.", evidence)
        )
    return kept


def draw_targets(rng: np.random.Generator, batch: int, classes: int) -> tuple[Array, Array]:
    """Draw probabilities of 0.1 at least, for six classes or fewer, and one-hot targets."""
    p = softmax(rng.uniform(-0.25, 0.25, size=(batch, classes)))
    return p, np.eye(classes)[rng.integers(classes, size=batch)]


def _value(known: KnownMistakes, comparison: Comparison) -> Trial:
    return Trial(comparison, lambda: diagnose(comparison, known(comparison.inputs)))


def _gradient(known: KnownMistakes, comparison: Comparison, again: Array | None = None) -> Trial:
    return Trial(comparison, lambda: diagnose(comparison, known(comparison.inputs), again, is_gradient=True))


@dataclass(frozen=True)
class LinearLayer:
    """A LinearModule of the submission, called ``layer``, with random weights that are known here."""

    weight: Array
    """(out, in) as the assignment wants it, in float64."""
    bias: Array
    """(out,)."""
    transposed: bool
    """Whether the submission keeps it as (in, out); its check of parameters says so, the others go on."""
    bias_shape: tuple[int, ...]
    allowed: float


def make_linear(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> LinearLayer:
    """Make ``layer`` with random parameters (SubmissionError, OutcomeError)."""
    n_in, n_out = sizes["in"], sizes["out"]
    made: list[Request] = [
        Call("probe", "modules.LinearModule", (2, 3)),
        Call("layer", "modules.LinearModule", (n_in, n_out)),
    ]
    answers = need_all(runner.run([*made, *map(Fetch, ("probe.params['weight']", WEIGHT, BIAS))]))
    probe, weight, bias = map(need_array, answers[2:])
    transposed = probe.shape == (2, 3)
    due = (n_in, n_out) if transposed else (n_out, n_in)
    if weight.shape != due or bias.size != n_out:
        got = f"{weight.shape} and {bias.shape}"
        explanation = f"params have shapes {got} for {n_in} inputs and {n_out} outputs."
        evidence = Evidence(parameter="params", expected=f"{(n_out, n_in)} and {(n_out,)}", got=got)
        raise OutcomeError(wrong(causes.WRONG_SHAPE, explanation, evidence))
    drawn = rng.normal(size=due), rng.normal(size=bias.shape)
    writes = [Assign(WEIGHT, drawn[0]), Assign(BIAS, drawn[1])]
    values = need_all(runner.run([*writes, Fetch(WEIGHT), Fetch(BIAS)]))
    weight, bias = must_keep(drawn[0], values[2]), must_keep(drawn[1], values[3])
    kept = np.asarray(weight.T if transposed else weight, np.float64)
    allowed = tolerance(weight, bias)
    return LinearLayer(kept, np.asarray(bias, np.float64).reshape(-1), transposed, bias.shape, allowed)


def linear_y(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the forward pass."""
    layer = make_linear(runner, rng, sizes)
    x = rng.normal(size=(sizes["B"], sizes["in"]))
    y = need_array(runner.run([Call("y", "layer.forward", (x,))])[0])
    inputs = {"x": x, "W": layer.weight, "b": layer.bias}
    right, allowed = x @ layer.weight.T + layer.bias, max(layer.allowed, tolerance(y))
    return _value(layer_mistakes.linear_y_mistakes, Comparison("the returned y", y, right, inputs, allowed))


def linear_gradient(which: str, runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare one of dx, dW and db."""
    layer = make_linear(runner, rng, sizes)
    x = rng.normal(size=(sizes["B"], sizes["in"]))
    dout, other = rng.normal(size=(2, sizes["B"], sizes["out"]))
    name = {"dx": "the returned dx", "dW": "grads['weight']", "db": "grads['bias']"}[which]
    got, again = _backward(runner, (x,), dout, other, "" if which == "dx" else f"layer.{name}")
    right = {"dx": dout @ layer.weight, "dW": dout.T @ x, "db": dout.sum(axis=0)}[which]
    if which == "dW" and layer.transposed:
        got, again = got.T, None if again is None else again.T
    if which == "db" and fits(got.shape, layer.bias_shape):
        got = got.reshape(-1)
    inputs = {"x": x, "W": layer.weight, "b": layer.bias, "dout": dout}
    allowed = max(layer.allowed, tolerance(got))
    known = {
        "dx": layer_mistakes.linear_dx_mistakes,
        "dW": layer_mistakes.linear_dw_mistakes,
        "db": layer_mistakes.linear_db_mistakes,
    }[which]
    return _gradient(known, Comparison(name, got, right, inputs, allowed), again)


def _backward(
    runner: Runner, arguments: tuple[Array, ...], dout: Array, other: Array, fetch: str = ""
) -> tuple[Array, Array | None]:
    """Return a gradient for two upstream gradients: what backward returns, or what it leaves in ``fetch``."""
    requests: list[Request] = []
    for upstream in (dout, other):
        requests += [Call("y", "layer.forward", arguments), Call("dx", "layer.backward", (upstream,))]
        requests += [Fetch(fetch)] if fetch else []
    answers = runner.run(requests)
    first = need_all(answers[: len(answers) // 2])
    return need_array(first[-1]), optional_array(answers[-1])


def make_activation(runner: Runner, rng: np.random.Generator, name: str = "layer") -> float:
    """Make a layer of the current edition's activation, or else the 2018 edition's; return its slope."""
    slope = float(rng.uniform(0.05, 0.6))
    made = runner.run([Call(name, "modules.LeakyReLUModule", (slope,))])
    if made[0].failure is None or made[0].failure.kind != "missing":
        need_all(made)
        return slope
    older = runner.run([Call(name, "modules.ReLUModule")])
    need_all(made if older[0].failure is not None and older[0].failure.kind == "missing" else older)
    return 0.0


def leaky_y(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the forward pass."""
    slope = make_activation(runner, rng)
    x = off_zero(rng, sizes["B"], sizes["C"])
    y = need_array(runner.run([Call("y", "layer.forward", (x,))])[0])
    right, inputs = np.maximum(x, 0) + slope * np.minimum(x, 0), {"x": x, "a": np.array(slope)}
    return _value(
        layer_mistakes.leaky_relu_y_mistakes, Comparison("the returned y", y, right, inputs, tolerance(y))
    )


def leaky_dx(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the backward pass."""
    slope = make_activation(runner, rng)
    x = off_zero(rng, sizes["B"], sizes["C"])
    inputs = {"x": x, "a": np.array(slope)}
    return _dx(
        layer_mistakes.leaky_relu_dx_mistakes,
        runner,
        rng,
        inputs,
        lambda dout: dout * np.where(x > 0, 1.0, slope),
    )


def softmax_p(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the forward pass."""
    x = 2 * rng.normal(size=(sizes["B"], sizes["C"]))
    calls = [Call("layer", "modules.SoftMaxModule"), Call("p", "layer.forward", (x,))]
    p = need_array(need_all(runner.run(calls))[1])
    return _value(
        layer_mistakes.softmax_p_mistakes, Comparison("the returned p", p, softmax(x), {"x": x}, tolerance(p))
    )


def softmax_dx(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the backward pass."""
    x = rng.normal(size=(sizes["B"], sizes["C"]))
    p = softmax(x)
    need_all(runner.run([Call("layer", "modules.SoftMaxModule")]))
    return _dx(
        layer_mistakes.softmax_dx_mistakes,
        runner,
        rng,
        {"x": x},
        lambda d: p * (d - np.sum(d * p, axis=1, keepdims=True)),
    )


def _dx(
    known: KnownMistakes,
    runner: Runner,
    rng: np.random.Generator,
    inputs: Mapping[str, Array],
    right: Callable[[Array], Array],
) -> Trial:
    dout, other = rng.normal(size=(2, *inputs["x"].shape))
    dx, again = _backward(runner, (inputs["x"],), dout, other)
    inputs = {**inputs, "dout": dout}
    return _gradient(known, Comparison("the returned dx", dx, right(dout), inputs, tolerance(dx)), again)


def loss(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the loss."""
    p, t = draw_targets(rng, sizes["B"], sizes["C"])
    calls = [Call("layer", "modules.CrossEntropyModule"), Call("L", "layer.forward", (p, t))]
    got = need_scalar(need_all(runner.run(calls))[1])
    right, allowed = np.asarray(-np.sum(t * np.log(p)) / len(p)), max(_LOSS_TOLERANCE, tolerance(got))
    return _value(
        layer_mistakes.cross_entropy_loss_mistakes,
        Comparison("the returned loss", got, right, {"x": p, "y": t}, allowed),
    )


def loss_dx(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the loss's gradient."""
    p, t = draw_targets(rng, sizes["B"], sizes["C"])
    both = Call("L", "layer.forward", (p, t)), Call("dx", "layer.backward", (p, t))
    got = need_array(need_all(runner.run([Call("layer", "modules.CrossEntropyModule"), *both]))[2])
    allowed = max(_LOSS_TOLERANCE, tolerance(got))
    return _gradient(
        layer_mistakes.cross_entropy_dx_mistakes,
        Comparison("the returned dx", got, -t / p / len(p), {"x": p, "y": t}, allowed),
    )
