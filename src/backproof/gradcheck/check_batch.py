"""Check a layer with one batch: its behaviour, and its gradients at two x and for two dout."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.behaviour import dtype_promotions, in_place_changes, leaks_from, state_leaks
from backproof.gradcheck.compare_gradient import agrees_along, compare_gradient
from backproof.gradcheck.layer_report import CauseName, LayerFinding, LayerReport, Proven
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.numerical_derivative import SINGLE, NumericalDerivative, derivatives_of
from backproof.gradcheck.other_points import other_points
from backproof.gradcheck.streams import generator
from backproof.gradcheck.upstream_gradients import upstream_gradients

_LOSS_DOUT = np.ones(())
"""What a loss, which is a number, starts the backward pass with."""


def check_batch(tested: LayerUnderTest, seed: int) -> LayerReport:
    """Return what is found with the layer's x: every entry for one dout, then directions for others.

    A direction tells only whether all is right, at the price of one call of forward; where it does not, all
    entries are compared there too.
    """
    name = type(tested.layer).__name__
    y = tested.fresh().forward(tested.x.copy())
    if not y.size or not np.isfinite(y).all():
        how = "forward is empty or not finite for this x: give one that lies inside its domain"
        return LayerReport(name, {}, (LayerFinding(CauseName.NOTHING_CHECKED, how, "y"),))
    douts = _douts(tested, y, seed)
    results, others = (tested.fresh().run(tested.x, dout) for dout in (douts[0], douts[-1]))
    findings = [*in_place_changes(tested, douts[0])] or state_leaks(tested, douts[0], douts[-1])
    findings += dtype_promotions(tested, results)
    if any(finding.cause is CauseName.NONDETERMINISM for finding in findings):
        return LayerReport(name, {}, tuple(findings), tuple(results))  # what changes has no derivative
    has_dx = results["dx"] is not None
    derivatives = derivatives_of(tested, douts[0], with_dx=has_dx)
    checked: dict[str, Proven] = {}
    for label, derivative in derivatives.items():
        for_other_dout = None if tested.targets is not None else others[label]
        proven, new = compare_gradient(label, results[label], for_other_dout, tested, derivative, seed)
        findings += new
        if proven is not None:
            checked[label] = proven
    if not checked and not findings:
        how = "backward returns no dx, and there are no parameters: name them by gradients={'W': 'dW'}"
        findings.append(LayerFinding(CauseName.NOTHING_CHECKED, how))
    findings += _coarse_steps(derivatives)
    if not any(finding.is_wrong for finding in findings):
        findings += _wrong_at(tested, derivatives, douts[1:], seed, "for another dout")
    if not any(finding.is_wrong for finding in findings):
        findings += _wrong_elsewhere(tested, y, douts, seed, with_dx=has_dx)
    return LayerReport(name, checked, tuple(findings), () if has_dx else ("dx",))


def _douts(tested: LayerUnderTest, y: Array, seed: int) -> Sequence[Array]:
    if tested.targets is not None:
        return (_LOSS_DOUT,)
    parameters = (parameter.value(tested.layer) for parameter in tested.named_parameters)
    return upstream_gradients(y, (tested.x, y, *parameters), seed)


def _coarse_steps(derivatives: dict[str, NumericalDerivative]) -> Iterator[LayerFinding]:
    labels = [label for label, derivative in derivatives.items() if derivative.method is SINGLE]
    if labels:
        how = f"{', '.join(labels)}: forward rounds as coarsely as float32, which is too coarse for h = 1e-5"
        use = f"h ≥ {SINGLE.near:g} and tolerance {SINGLE.tolerance:g} used"
        yield LayerFinding(CauseName.UNSUITABLE_STEP, f"{how}; {use}")


def _wrong_at(
    tested: LayerUnderTest,
    derivatives: dict[str, NumericalDerivative],
    douts: Sequence[Array],
    seed: int,
    where: str,
) -> Iterator[LayerFinding]:
    """Yield, for each gradient that is wrong for one of these dout, the first finding that says so."""
    results = [tested.fresh().run(tested.x, dout) for dout in douts]
    for label, derivative in derivatives.items():
        drawn = generator(seed, "direction", label)
        direction = drawn.uniform(0.5, 1.5, size=derivative.at.shape) * drawn.choice(
            [-1, 1], derivative.at.shape
        )
        change = derivative.along(direction)
        for dout, values in zip(douts, results, strict=True):
            for_dout, got = replace(derivative, dout=dout), values[label]
            if agrees_along(direction, change, got, for_dout):
                continue
            _, findings = compare_gradient(label, got, None, tested, for_dout, seed)
            wrong = [finding for finding in findings if finding.is_wrong]
            if wrong:
                yield replace(wrong[0], message=f"{wrong[0].message}, {where}")
                break


def _wrong_elsewhere(
    tested: LayerUnderTest, y: Array, douts: Sequence[Array], seed: int, *, with_dx: bool
) -> Iterator[LayerFinding]:
    with other_points(tested, y, douts, seed) as points:
        if points is None:
            alone = "this x and these parameters" if tested.named_parameters else "this x"
            how = f"forward takes no other x like this one: gradients were compared at {alone} alone"
            yield LayerFinding(CauseName.ONE_X_ONLY, how, "x")
            return
        layers, changed = points
        others = f", and with other values of {', '.join(changed)}" if changed else ""
        where = f"at another x, made from yours{others}"
        for other in layers:
            derivatives = derivatives_of(other, douts[0], with_dx=with_dx)
            wrong = [*_wrong_at(other, derivatives, douts, seed, where)]
            if findings := wrong or leaks_from(tested.x, other, douts[0]):
                yield from findings
                break
    for parameter in tested.named_parameters:
        label = parameter.parameter_label
        if label not in changed:
            how = (
                f"{label} takes no other values: if they are 1 or 0, a factor or term that is forgotten hides"
            )
            yield LayerFinding(CauseName.ONE_VALUE_ONLY, how, label)
