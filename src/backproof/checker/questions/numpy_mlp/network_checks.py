"""Check question 1.2's MLP: the probabilities, and the gradients of all its parameters."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Answer, Call, Request, Runner, need_all, need_array
from backproof.checker.comparison import Comparison, error_against
from backproof.checker.diagnosis import Mistake, diagnose
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, wrong
from backproof.checker.questions.check_at_sizes import (
    CaseSizes,
    CheckAtSizes,
    Trial,
    TrialFunction,
    first_wrong,
)
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.numpy_mlp.network import (
    NumpyNetwork,
    exact_backward,
    exact_forward,
    make_network,
)
from backproof.checker.questions.numpy_mlp.network_mistakes import backward_mistakes, flat, forward_mistakes

_STATE_WIDTHS = (7, 5, 3)


def _sizes(*networks: tuple[int, ...], batches: tuple[int, int]) -> Sequence[CaseSizes]:
    """Return batches for networks whose widths all differ, as their layers are known by these."""
    return tuple(
        {"B": batch, "in": n_in, **{f"hidden {i}": n for i, n in enumerate(hidden, 1)}, "out": n_out}
        for n_in, *hidden, n_out in networks
        for batch in batches
    )


def _at_sizes(value: str, run_trial: TrialFunction, *networks: tuple[int, ...]) -> CheckAtSizes:
    smaller = _sizes((2, 3), (2, 3, 4), (3, 4, 2, 5), batches=(1, 2))
    return CheckAtSizes(value, run_trial, _sizes(*networks, batches=(4, 1)), smaller)


def _make(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> tuple[NumpyNetwork, Array, Array]:
    """Return a network, its input and its upstream gradient."""
    batch, *widths = sizes.values()
    network = make_network(runner, rng, widths)
    return network, rng.normal(size=(batch, widths[0])), rng.normal(size=(batch, widths[-1]))


def _forward(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    network, x, _ = _make(runner, rng, sizes)
    p = need_array(runner.run([Call("p", "mlp.forward", (x,))])[0])
    right, inputs = softmax(exact_forward(network, x)[2]), {"x": x, **network.inputs}
    comparison = Comparison("what the MLP's forward returns", p, right, inputs, network.may_differ(p))
    return Trial(comparison, lambda: diagnose(comparison, forward_mistakes(network, x)))


def _backward(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare all gradients; the one with the largest error is returned."""
    network, x, dout = _make(runner, rng, sizes)
    calls: list[Request] = [Call("p", "mlp.forward", (x,)), Call("dx", "mlp.backward", (dout,))]
    answers = need_all(runner.run([*calls, *network.fetches()]))
    computed, right = network.gradients(answers[2:]), exact_backward(network, x, dout)
    inputs = {"x": x, **network.inputs, "dout": dout}
    compared = [
        Comparison(
            f"grads['{name}'] of linear layer {i} of {len(right)}", got, due, inputs, network.may_differ(got)
        )
        for i, pairs in enumerate(zip(computed, right, strict=True), 1)
        for name, got, due in zip(("weight", "bias"), *pairs, strict=True)
    ]
    worst = max(compared, key=lambda comparison: comparison.error / comparison.allowed)

    def explain() -> Mistake:
        if worst.symptom == "shape":
            return diagnose(worst, is_gradient=True)
        allowed = max(comparison.allowed for comparison in compared)
        together = Comparison(worst.parameter, flat(computed), flat(right), inputs, allowed)
        known = backward_mistakes(network, x, dout)
        return diagnose(together, known, is_gradient=True, otherwise="differs from the derivative")

    return Trial(worst, explain)


forward_values = _at_sizes("mlp.forward", _forward, (7, 5, 3), (8, 6, 5, 3))
gradients = _at_sizes("mlp.backward", _backward, (7, 5, 3), (8, 6, 5, 3))
_LOGISTIC = _at_sizes("mlp.forward", _forward, (6, 3)), _at_sizes("mlp.backward", _backward, (6, 3))


def no_hidden(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that without hidden layers it is multinomial logistic regression, forward and backward."""
    return first_wrong(check(runner, rng) for check in _LOGISTIC)


def check_independent(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that two networks used in turns do not disturb each other, nor a second pass the first."""
    twin = make_network(runner, deepcopy(rng), _STATE_WIDTHS, "twin")
    network = make_network(runner, rng, _STATE_WIDTHS)
    x, other = rng.normal(size=(2, 4, _STATE_WIDTHS[0]))
    dout = rng.normal(size=(4, _STATE_WIDTHS[-1]))
    forth, back = Call("p", "mlp.forward", (x,)), Call("dx", "mlp.backward", (dout,))
    passes = Call("p", "twin.forward", (x,)), Call("dx", "twin.backward", (dout,))
    alike = need_all(runner.run([*passes, *twin.fetches()]))
    before = need_all(runner.run([forth, back, *network.fetches()]))
    again = need_all(runner.run([forth, back, *network.fetches()]))
    inputs = {"x": x, "dout": dout}
    _same(
        network,
        inputs,
        alike,
        before,
        causes.NONDETERMINISM,
        "from one MLP to another of the same parameters",
    )
    leak = causes.STATE_LEAKS
    _same(network, inputs, before, again, leak, "after a second pass over the same batch")
    make_network(runner, rng, _STATE_WIDTHS, "second")
    between = Call("q", "second.forward", (other,))
    answers = need_all(runner.run([forth, between, back, *network.fetches()]))
    del answers[1]
    _same(network, inputs, before, answers, leak, "after a pass with another MLP used in between")
    return RIGHT


def _same(
    network: NumpyNetwork,
    inputs: dict[str, Array],
    before: Sequence[Answer],
    after: Sequence[Answer],
    cause: causes.Cause,
    when: str,
) -> None:
    """Raise OutcomeError if passes differ."""
    named = [("what forward returns", need_array(before[0]), need_array(after[0]))]
    for i, pairs in enumerate(
        zip(network.gradients(before[2:]), network.gradients(after[2:]), strict=True), 1
    ):
        for key, old, new in zip(("weight", "bias"), *pairs, strict=True):
            named.append((f"grads['{key}'] of linear layer {i}", old, new))
    for name, old, new in named:
        left = np.asarray(old, np.float64)
        comparison = Comparison(name, new, left, inputs, network.may_differ(new))
        if not comparison.right and np.isfinite(left).all():
            what = "is added to what was there" if error_against(new, 2 * left) < 1e-6 else "differs"
            explanation = f"{name} {what} {when}."
            raise OutcomeError(wrong(cause, explanation, comparison.evidence()))
