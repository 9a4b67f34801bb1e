"""Check question 3's function with a backward pass of its own."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Call, Runner
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import Mistake
from backproof.checker.outcome import Outcome, OutcomeError, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.batchnorm import call_styles
from backproof.checker.questions.batchnorm.comparisons import at_several_sizes, gradient_trial, output_trial
from backproof.checker.questions.check_at_sizes import CaseSizes, CheckAtSizes, Trial, first_wrong

_NAMES = ("x", "gamma", "beta")
_TOLERANCE = 1e-9
"""For what goes in as float64: torch's gradcheck needs it."""


def _y(eps: float | None, runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    style = call_styles.find_call_style(runner)
    bn = call_styles.draw(rng, (sizes["B"], sizes["C"]), eps or style.eps)
    target = style.target(runner, sizes["C"])
    torch_objects.output(runner, target, style.inputs(bn, np.float32), bn.x.shape)
    return output_trial(bn, torch_objects.output(runner, target, style.inputs(bn), bn.x.shape), _TOLERANCE)


def _default_y(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    style = replace(call_styles.find_call_style(runner), takes_eps=False)
    bn = call_styles.draw(rng, (sizes["B"], sizes["C"]), call_styles.DEFAULT_EPS)
    got = torch_objects.output(runner, style.target(runner, sizes["C"]), style.inputs(bn), bn.x.shape)
    return output_trial(bn, got, _TOLERANCE)


def _asks_for_eps(runner: Runner, rng: np.random.Generator) -> bool:
    style = replace(call_styles.find_call_style(runner), takes_eps=False)
    bn = call_styles.draw(rng, (4, 3), call_styles.DEFAULT_EPS)
    failure = runner.run([Call("y", style.target(runner, 3), style.inputs(bn))])[0].failure
    return failure is not None and failure.is_about_arguments


_Y = [at_several_sizes("y", partial(_y, eps)) for eps in (call_styles.DEFAULT_EPS, None)]
_DEFAULT_Y = at_several_sizes("y for the default ε", _default_y)


def check_y(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check the function's output, for a small and a large ε, and for the one that it may have by default."""
    checks = _Y if _asks_for_eps(runner, rng) else [*_Y, _DEFAULT_Y]
    return first_wrong(check(runner, rng) for check in checks)


def gradient(name: str) -> CheckAtSizes:
    """Return the check of one gradient that the function's backward gives, for a random upstream gradient."""

    def run_trial(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
        style = call_styles.find_call_style(runner)
        bn = call_styles.draw(rng, (sizes["B"], sizes["C"]), style.eps)
        return gradient_trial(bn, style.gradients(runner, bn, _NAMES, (name,)), _TOLERANCE)

    return at_several_sizes(f"d{name}", run_trial)


def _needed(names: Sequence[str], runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    style = call_styles.find_call_style(runner)
    bn = call_styles.draw(rng, (sizes["B"], sizes["C"]), style.eps)
    trial = gradient_trial(bn, style.gradients(runner, bn, names, names), _TOLERANCE)
    if trial.comparison.right:
        for name, is_there in zip(_NAMES, style.returned(runner, bn, names), strict=False):
            if is_there and name not in names:
                evidence = Evidence(parameter=f"gradient of {name}", expected="None", got="an array")
                explanation = f"backward returns a gradient of {name}, which needs none."
                raise OutcomeError(wrong(causes.NEEDLESS_GRADIENT, explanation, evidence))
    return trial


_NEEDED = [
    at_several_sizes(" and ".join(names), partial(_needed, names))
    for names in (("x",), ("gamma",), ("beta",), ("x", "beta"), ("gamma", "beta"))
]


def check_only_needed(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that gradients are right, and None where an input needs none."""
    return first_wrong(check(runner, rng) for check in _NEEDED)


def _state(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare gradients with those where the function is called on something else before backward."""
    style = call_styles.find_call_style(runner)
    shape = sizes["B"], sizes["C"]
    bn, other = call_styles.draw(rng, shape, style.eps), call_styles.draw(rng, shape, 2 * style.eps)
    alone, disturbed = (style.gradients(runner, bn, _NAMES, _NAMES, between) for between in (None, other))
    compared = [Comparison(f"gradient of {n}", disturbed[n], alone[n], bn.inputs, _TOLERANCE) for n in _NAMES]
    leak = Mistake(causes.STATE_LEAKS, "is another one if there is a call in between")
    return Trial(max(compared, key=lambda comparison: comparison.error), lambda: leak)


state = at_several_sizes("state", _state)
