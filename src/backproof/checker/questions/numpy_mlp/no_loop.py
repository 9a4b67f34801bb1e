"""Check that nothing loops over samples in Python: its cost must not grow with the batch as a loop's does.

Bytecodes are counted, so that no other work of the machine plays a part: operations on whole arrays run as
many for few samples as for many. Times are measured only to be shown.
"""

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Answer, Runner, need_all
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, wrong
from backproof.checker.questions.numpy_mlp.random_layers import (
    LAYERS,
    LayerMaker,
    RandomLayer,
    check_layers,
    draw_linear,
    draw_mlp,
)

FEW, MANY = 8, 136
_BYTECODES_A_SAMPLE = 3
"""Even the shortest of loops runs more; whole arrays run none."""
_ROUNDS = 5


def cost(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that no layer loops over samples, nor LinearModule over its features."""
    outcome = check_layers(_cost, runner, rng, (*LAYERS, draw_mlp), batches=(MANY,))
    if outcome == RIGHT:
        for what, few, many in (("inputs", (FEW, 2), (MANY, 2)), ("outputs", (2, FEW), (2, MANY))):
            no_loop(runner, what, draw_linear(runner, rng, 4, *few), draw_linear(runner, rng, 4, *many))
    return outcome


def _cost(runner: Runner, rng: np.random.Generator, draw: LayerMaker, batch: int) -> Outcome:
    no_loop(runner, "samples", draw(runner, rng, FEW), draw(runner, rng, batch))
    return RIGHT


def is_loop(few: int, many: int) -> bool:
    """Tell by the bytecodes for FEW and for MANY samples whether there is a loop over them."""
    return many - few > _BYTECODES_A_SAMPLE * (MANY - FEW)


def no_loop(runner: Runner, what: str, few: RandomLayer, many: RandomLayer) -> None:
    """Raise OutcomeError if forward or backward loops."""
    counts = [_ran(runner, layer, counted=True) for layer in (few, many)]
    for which, name in enumerate(("forward", "backward")):
        # The fewest of two passes: Python's own housekeeping may run in between.
        low, high = (min(answer.bytecodes for answer in answers[which::2]) for answers in counts)
        if is_loop(low, high):
            times = [_ran(runner, layer, counted=False) for layer in (few, many)]
            short, long = (min(answer.seconds for answer in answers[which::2]) for answers in times)
            title = f"{few.name}.{name}"
            explanation = (
                f"{title} loops in Python: {high} bytecodes for {MANY} {what}, {low} for {FEW}; it took "
                f"{long * 1e6:.0f} and {short * 1e6:.0f} µs."
            )
            evidence = Evidence(
                parameter=f"bytecodes that {title} runs for {MANY} {what}",
                expected=f"about {low}, as for {FEW}",
                got=float(high),
                shapes={"few": list(few.forward[0].shape), "many": list(many.forward[0].shape)},
            )
            raise OutcomeError(wrong(causes.LOOP_OVER_SAMPLES, explanation, evidence))


def _ran(runner: Runner, layer: RandomLayer, *, counted: bool) -> list[Answer]:
    """Return some passes in turns, as some layers need a forward before each backward."""
    made, passes = layer.make("_layer"), layer.passes("_layer", counted=counted)[:2]
    return need_all(runner.run([*made, *passes * (2 if counted else _ROUNDS)]))[len(made) :]
