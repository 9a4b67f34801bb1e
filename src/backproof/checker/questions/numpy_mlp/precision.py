"""Check dtypes: float64 must stay float64, in all its digits."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Call, Fetch, Request, Runner, need_all, need_array, optional_array
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import FLOAT32_TOLERANCE, Comparison, error_against
from backproof.checker.outcome import Outcome, OutcomeError, wrong
from backproof.checker.questions.numpy_mlp.random_layers import LayerMaker, RandomLayer, check_layers


def dtypes(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that float64 goes in and comes out, and that float32 is right to its precision.

    float64 that comes out where all that goes in is float32 is worth a note: it costs time, but is right.
    """
    outcome = check_layers(_dtypes, runner, rng)
    explanation = f"dtype promoted: float64 comes out where float32 goes in: {outcome.note}."
    return Outcome("right", note=explanation) if outcome.note else outcome


def _dtypes(runner: Runner, rng: np.random.Generator, draw: LayerMaker, batch: int) -> Outcome:
    layer = draw(runner, rng, batch)
    values = _passed(runner, layer)
    kept = runner.run([Fetch(f"layer.params['{key}']") for key in layer.parameters])
    if all(need_array(answer).dtype == np.float64 for answer in kept):
        for name, value in zip(layer.values, values, strict=True):
            if value.dtype != np.float64:
                evidence = Evidence(parameter=name, expected="float64", got=str(value.dtype))
                return wrong(
                    causes.DTYPE_PROMOTED, f"{name} is {value.dtype} where float64 goes in.", evidence
                )
        _keeps_digits(runner, layer, values)
    promoted = []
    for name, value, got in zip(layer.values, values, _in_float32(runner, layer, values), strict=False):
        truth = np.asarray(value, np.float64)
        compared = Comparison(f"{name} for float32", got, truth, allowed=FLOAT32_TOLERANCE)
        if not compared.right and np.isfinite(truth).all():
            explanation = f"{compared.parameter} differs from what it is for float64."
            return wrong(causes.DTYPE_PROMOTED, explanation, compared.evidence())
        promoted += [name] if got.dtype == np.float64 and got.ndim else []
    return Outcome("right", note=", ".join(promoted))


def _keeps_digits(runner: Runner, layer: RandomLayer, values: list[Array]) -> None:
    """Raise OutcomeError if a value follows what goes in, but not in the digits that float32 lacks."""
    for (what, large), (_, small) in zip(_scaled(layer, 1 + 2**-14), _scaled(layer, 1 + 2**-40), strict=True):
        far, near = _passed(runner, large), _passed(runner, small)
        for name, value, *others in zip(layer.values, values, far, near, strict=True):
            if any(array.shape != value.shape or not np.isfinite(array).all() for array in (value, *others)):
                continue
            far_step, near_step = (np.abs(np.asarray(array, np.float64) - value) for array in others)
            follows = far_step > 0.1 * far_step.max(initial=0.0)
            if follows.any() and np.mean(near_step[follows] == 0) > 0.5:
                explanation = f"{name} follows {what}, which is float64, in the digits of float32 alone."
                evidence = Evidence(parameter=name, expected="digits of float64", got="digits of float32")
                raise OutcomeError(wrong(causes.DTYPE_PROMOTED, explanation, evidence))


def _scaled(layer: RandomLayer, by: float) -> Iterator[tuple[str, RandomLayer]]:
    """Yield the layer with one of the things that go in multiplied."""
    (x, *targets), (dout, *more) = layer.forward, layer.backward
    yield "forward's first argument", replace(layer, forward=(x * by, *targets))
    yield "backward's first argument", replace(layer, backward=(dout * by, *more))
    for key, value in layer.parameters.items():
        yield f"params['{key}']", replace(layer, parameters={**layer.parameters, key: value * by})


def _passed(runner: Runner, layer: RandomLayer) -> list[Array]:
    made = layer.make("layer")
    answers = need_all(runner.run([*made, *layer.passes("layer")]))[len(made) :]
    return [need_array(answer) for answer in answers]


def _in_float32(runner: Runner, layer: RandomLayer, values: list[Array]) -> list[Array]:
    """Return the answers to passes where parameters, inputs and upstream gradients are float32.

    There are none where such parameters have no effect, as a layer may keep what it computes with elsewhere,
    and none from the first pass on that fails.
    """
    short = {key: value.astype(np.float32) for key, value in layer.parameters.items()}
    requests: list[Request] = [Call("short", layer.target, layer.arguments)]
    if short:  # written into the old arrays, they would be float64 again
        requests.append(Call("_", "short.params.update", kwargs=short))
    passes = layer.passes("short")
    same = [optional_array(answer) for answer in runner.run([*requests, *passes])[len(requests) :]]
    for value, got in zip(values, same, strict=True):
        if got is None or error_against(got, np.asarray(value, np.float64)) > FLOAT32_TOLERANCE:
            return []
    forward, backward = (
        [array.astype(np.float32) for array in arrays] for arrays in (layer.forward, layer.backward)
    )
    answers = runner.run(replace(layer, forward=(*forward,), backward=(*backward,)).passes("short"))
    return [
        need_array(answer) for answer in takewhile(lambda answer: optional_array(answer) is not None, answers)
    ]
