"""LinearModule's parameters before any training: their names, shapes, gradients and first values."""

from math import isfinite

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Call, Fetch, Runner, need_all, need_array
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import RIGHT, Outcome, wrong
from backproof.checker.questions.numpy_mlp.layer_mistakes import WEIGHT_TRANSPOSED

SCALE = 1e-4
_SIGMAS = 6
"""How many standard errors off a right initialisation may be: one in a billion is."""
_IN, _OUT = 300, 200


def shapes(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check the shapes of parameters, and gradients that start as zeros under the same keys."""
    for n_in, n_out in ((int(rng.integers(4, 8)), int(rng.integers(2, 4))), (1, 5), (5, 1)):
        weight, bias, weight_grad, bias_grad = _fetch(runner, n_in, n_out, "params", "grads")
        if weight.shape != (n_out, n_in):
            cause = WEIGHT_TRANSPOSED if weight.shape == (n_in, n_out) else causes.WRONG_SHAPE
            return _shape(cause, "params['weight']", weight, (n_out, n_in))
        if bias.size != n_out or bias.ndim > 2:
            return _shape(causes.WRONG_SHAPE, "params['bias']", bias, (n_out,))
        for name, gradient, parameter in (("weight", weight_grad, weight), ("bias", bias_grad, bias)):
            if not fits(gradient.shape, parameter.shape):
                return _shape(causes.WRONG_SHAPE, f"grads['{name}']", gradient, parameter.shape)
            if gradient.any():
                explanation = f"grads['{name}'] is not zero before the first backward pass."
                return _initial(f"grads['{name}']", gradient, explanation)
    return RIGHT


def first_values(runner: Runner, _: np.random.Generator) -> Outcome:
    """Check that weights are drawn from N(0, 0.0001²), and that the bias is zero."""
    weight, bias = _fetch(runner, _IN, _OUT, "params")
    if weight.ndim != 2:
        return _shape(causes.WRONG_SHAPE, "params['weight']", weight, (_OUT, _IN))
    if np.array_equal(weight, _fetch(runner, _IN, _OUT, "params")[0]):
        explanation = "two layers of one size start with the same weights: is a seed set in __init__?"
        evidence = Evidence(
            parameter="params['weight'] of a second layer", expected="other numbers", got="the same"
        )
        return wrong(causes.WRONG_INITIALISATION, explanation, evidence)
    if bias.any():
        return _initial("params['bias']", bias, "params['bias'] does not start as zeros.")
    n = max(weight.size, 1)
    z = np.asarray(weight, np.float64).ravel() / SCALE
    inside, outside = float(np.mean(np.abs(z) < 1)), float(np.mean(np.abs(z) > 2))
    for what, measured, due, spread in (
        ("standard deviation", float(z.std()), 1.0, 1 / np.sqrt(2 * n)),
        ("mean", float(z.mean()), 0.0, 1 / np.sqrt(n)),
        ("share within one standard deviation", inside, 0.682689, np.sqrt(0.2166 / n)),
        ("share beyond two standard deviations", outside, 0.045500, np.sqrt(0.0434 / n)),
    ):
        if not abs(measured - due) <= _SIGMAS * spread:
            unit = SCALE if "share" not in what else 1.0
            evidence = Evidence(
                parameter=f"the {what} of params['weight']",
                expected=due * unit,
                got=measured * unit if np.isfinite(measured) else str(measured),
                shapes={"weight": list(weight.shape)},
            )
            value = f"{measured * unit:.4g}, not {due * unit:.4g}"
            explanation = f"the weights' {what} is {value}: they are not drawn from N(0, 0.0001²)."
            return wrong(causes.WRONG_INITIALISATION, explanation, evidence)
    different = len(np.unique(weight, axis=0))
    if different < len(weight):
        explanation = "several rows of params['weight'] start the same."
        evidence = Evidence(parameter="different rows of params['weight']", expected=_OUT, got=different)
        return wrong(causes.WRONG_INITIALISATION, explanation, evidence)
    return RIGHT


def _fetch(runner: Runner, n_in: int, n_out: int, *groups: str) -> list[Array]:
    fetches = [Fetch(f"layer.{group}['{name}']") for group in groups for name in ("weight", "bias")]
    answers = need_all(runner.run([Call("layer", "modules.LinearModule", (n_in, n_out)), *fetches]))
    return [need_array(answer) for answer in answers[1:]]


def fits(shape: tuple[int, ...], parameter: tuple[int, ...]) -> bool:
    """Tell whether ``parameter -= gradient`` works without widening anything."""
    return shape == parameter or (len(parameter) == 2 and shape == parameter[1:] and parameter[0] == 1)


def _shape(cause: causes.Cause, name: str, got: Array, due: tuple[int, ...]) -> Outcome:
    evidence = Evidence(parameter=name, expected=f"shape {due}", got=f"shape {got.shape}")
    return wrong(cause, f"{name} has shape {got.shape}, not {due}.", evidence)


def _initial(name: str, got: Array, explanation: str) -> Outcome:
    worst = np.unravel_index(np.abs(got).argmax(), got.shape)
    index, first = [int(i) for i in worst], float(got[worst])
    evidence = Evidence(
        parameter=name, index=index, expected=0.0, got=first if isfinite(first) else str(first)
    )
    return wrong(causes.WRONG_INITIALISATION, explanation, evidence)
