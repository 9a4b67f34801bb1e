"""Check question 3's two modules."""

from dataclasses import replace

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Call, Runner, Tensor, need
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison
from backproof.checker.outcome import RIGHT, CheckFunction, Outcome, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.batchnorm import call_styles
from backproof.checker.questions.batchnorm.comparisons import at_several_sizes, gradient_trial, output_trial
from backproof.checker.questions.batchnorm.formulas import BatchNormCase
from backproof.checker.questions.batchnorm.mistakes import RUNNING
from backproof.checker.questions.check_at_sizes import CaseSizes, CheckAtSizes, Trial

_TOLERANCE, _GRADIENT_TOLERANCE = 2e-4, 5e-4
"""For parameters in float32."""
_FAR = 300.0
"""How many times the spread a mean is where E[x²] - μ² loses float32's digits, and x - μ none."""


def parameters(kind: str) -> CheckFunction:
    """Return the check that γ and β are registered, with one number a neuron, at first ones and zeros."""

    def run(runner: Runner, _: np.random.Generator) -> Outcome:
        module = call_styles.make_module(runner, kind, 5)
        for name, value, first in zip(("γ", "β"), module.values, (1.0, 0.0), strict=True):
            if not np.all(value == first):
                explanation = f"{name} starts with other numbers than {'ones' if first else 'zeros'}."
                at = int(np.argmax(value.ravel() != first))
                evidence = Evidence(parameter=name, index=[at], expected=first, got=float(value.flat[at]))
                return wrong(causes.WRONG_INITIALISATION, explanation, evidence)
        return RIGHT

    return run


def _loaded(
    runner: Runner, rng: np.random.Generator, kind: str, sizes: CaseSizes, *, large_eps: bool = True
) -> tuple[call_styles.BatchNormModule, BatchNormCase]:
    module = call_styles.make_module(runner, kind, sizes["C"], large_eps=large_eps)
    bn = call_styles.draw(rng, (sizes["B"], sizes["C"]), module.eps)
    module.load(runner, bn)
    return module, bn


def make_y_check(kind: str, *, large_eps: bool) -> CheckAtSizes:
    """Return the check of a module's output, for means on both sides of zero, and a large or default ε."""

    def run_trial(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
        module, bn = _loaded(runner, rng, kind, sizes, large_eps=large_eps)
        got = torch_objects.output(runner, "bn.forward", (Tensor(module.cast(bn.x)),), bn.x.shape)
        return output_trial(bn, got, _TOLERANCE)

    return at_several_sizes("y", run_trial)


def y_far_from_zero(kind: str) -> CheckFunction:
    """Return the check of a module's output for the default ε, which notes if large means cost it digits."""
    near = make_y_check(kind, large_eps=False)

    def run(runner: Runner, rng: np.random.Generator) -> Outcome:
        outcome = near(runner, rng)
        if outcome != RIGHT:
            return outcome
        module, bn = _loaded(runner, rng, kind, {"B": 64, "C": 4}, large_eps=False)
        scale = np.sqrt(module.eps)
        far = replace(bn, x=module.cast(bn.x + _FAR * scale).astype(float))
        got = torch_objects.call_forward(runner, "bn", module.cast(far.x))
        if Comparison("the output y", got, far.y(), far.inputs, _TOLERANCE).right:
            return RIGHT
        return replace(RIGHT, note="it loses digits where the mean is large beside the spread")

    return run


def gradients(kind: str) -> CheckAtSizes:
    """Return the check of ∂L/∂x, ∂L/∂γ and ∂L/∂β through a module."""

    def run_trial(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
        module, bn = _loaded(runner, rng, kind, sizes)
        return gradient_trial(bn, module.gradients(runner, bn), _GRADIENT_TOLERANCE)

    return at_several_sizes("gradients", run_trial)


def make_statistics_check(kind: str) -> CheckAtSizes:
    """Return the check that each batch is normalised by its own statistics.

    A batch gives the same after another one, shifted, and in evaluation, as alone.
    """

    def run_trial(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
        module, first = _loaded(runner, rng, kind, sizes)
        scale = np.sqrt(module.eps)
        torch_objects.call_forward(runner, "bn", module.cast(5 * first.x + 7 * scale))
        second = replace(first, x=call_styles.draw(rng, first.x.shape, module.eps).x)
        x, shifted = module.cast(second.x), module.cast(second.x + 4 * scale)
        after = [
            (where, given, torch_objects.call_forward(runner, "bn", given, mode))
            for where, given, mode in (
                ("of a second batch", x, None),
                ("of a shifted batch", shifted, None),
                ("in evaluation mode", x, "eval"),
            )
        ]
        fresh = call_styles.make_module(runner, kind, sizes["C"])
        fresh.load(runner, second)
        alone = torch_objects.call_forward(runner, "bn", x)
        worst = max(
            (
                Comparison(f"the output y {where}", got, alone, {"x": x}, _TOLERANCE)
                for where, x, got in after
            ),
            key=lambda comparison: comparison.error,
        )
        by_formula = output_trial(second, alone, _TOLERANCE)
        # What is wrong with a batch alone is not for what came before it.
        if not worst.right and not by_formula.comparison.right:
            return by_formula
        return Trial(worst, lambda: RUNNING)

    return at_several_sizes("statistics", run_trial)


def refuses_shapes(kind: str) -> CheckFunction:
    """Return the check that input that is not (B, C) is refused, by whatever exception."""

    def run(runner: Runner, rng: np.random.Generator) -> Outcome:
        n = 4
        module = call_styles.make_module(runner, kind, n)
        torch_objects.call_forward(runner, "bn", module.cast(rng.normal(size=(6, n))))
        for shape in ((6, n + 1), (6, 1), (2, 6, n)):
            answer = runner.run([Call("y", "bn.forward", (Tensor(module.cast(rng.normal(size=shape))),))])[0]
            if answer.failure is None:
                explanation = f"input of shape {shape} is accepted by a module of {n} neurons."
                shapes = {"x": list(shape)}
                evidence = Evidence(
                    parameter="the input", expected="an exception", got="an output", shapes=shapes
                )
                return wrong(causes.SHAPE_NOT_CHECKED, explanation, evidence)
            if answer.failure.kind != "crashed":
                need(answer)
        return RIGHT

    return run
