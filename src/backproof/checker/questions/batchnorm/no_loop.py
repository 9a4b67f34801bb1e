"""Check that batch norm has no loop over samples: few and many run as many bytecodes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Call, Ref, Runner, need_all
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import RIGHT, Outcome, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.batchnorm import call_styles
from backproof.checker.questions.batchnorm.formulas import BatchNormCase
from backproof.checker.questions.numpy_mlp.no_loop import FEW, MANY, is_loop

Given = Callable[[BatchNormCase], tuple[Any, ...]]
"""What is called with it, made in the child."""
_NEURONS = 4


def check_module(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check CustomBatchNormAutograd."""
    made = call_styles.make_module(runner, call_styles.AUTOGRAD, _NEURONS)

    def given(bn: BatchNormCase) -> tuple[Any, ...]:
        runner.run([torch_objects.leaf("x", made.cast(bn.x))])
        return (Ref("x"),)

    return _cost(runner, rng, "bn.forward", given)


def check_function(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check CustomBatchNormManualFunction."""
    style = call_styles.find_call_style(runner)

    def given(bn: BatchNormCase) -> tuple[Any, ...]:
        return style.leaves(runner, bn, ("x", "gamma", "beta"))

    return _cost(runner, rng, style.target(runner, _NEURONS), given)


def _cost(runner: Runner, rng: np.random.Generator, target: str, given: Given) -> Outcome:
    counts = []
    for batch in (FEW, MANY):
        bn = call_styles.draw(rng, (batch, _NEURONS), call_styles.DEFAULT_EPS)
        there = Call("y", target, given(bn), counted=True)
        back = Call("_", "y.backward", (Ref("y"),), counted=True)
        # The second of two passes: what is made once, such as a cache, is there by then.
        counts.append(need_all(runner.run([there, back, there, back]))[-2:])
    for name, *answers in zip(("forward", "backward"), *counts, strict=True):
        few, many = (answer.bytecodes for answer in answers)
        if is_loop(few, many):
            explanation = f"{name} loops in Python: {many} bytecodes for {MANY} samples, {few} for {FEW}."
            evidence = Evidence(
                parameter=f"bytecodes that {name} runs for {MANY} samples",
                expected=f"about {few}, as for {FEW}",
                got=float(many),
                shapes={"x": [MANY, _NEURONS]},
            )
            return wrong(causes.LOOP_OVER_SAMPLES, explanation, evidence)
    return RIGHT
