"""What a layer does besides its formulas: writing to its inputs, keeping state, changing dtypes."""

from collections.abc import Iterator

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.layer_report import CauseName, LayerFinding
from backproof.gradcheck.layer_under_test import LayerUnderTest, PassResults

_AFTER_ANOTHER = "differs after a pass of another batch"


def in_place_changes(tested: LayerUnderTest, dout: Array) -> Iterator[LayerFinding]:
    """Yield what a pass writes to: x, dout, the parameters."""
    layer = tested.fresh()
    x, upstream, before = tested.x.copy(), dout.copy(), layer.parameter_values()
    layer.forward(x)
    if not _same(x, tested.x):
        yield LayerFinding(CauseName.INPUT_CHANGED_IN_PLACE, "forward writes to x: work on a copy", "x")
        x[...] = tested.x
    layer.backward(x, upstream)
    if not _same(x, tested.x):
        yield LayerFinding(
            CauseName.INPUT_CHANGED_IN_PLACE, "backward writes to the x that forward was given", "x"
        )
    if not _same(upstream, dout):
        yield LayerFinding(
            CauseName.INPUT_CHANGED_IN_PLACE, "backward writes to dout: work on a copy", "dout"
        )
    after = layer.parameter_values()
    for label in before | after:
        if label not in before or label not in after or not _same(before[label], after[label]):
            how = "a forward and backward pass changes it, which is the optimizer's task"
            yield LayerFinding(CauseName.STATE_LEAKS, f"{label}: {how}", label)


def state_leaks(tested: LayerUnderTest, dout: Array, other_dout: Array) -> list[LayerFinding]:
    """Return what differs from one copy of the layer to the next, or from one pass to the next."""
    x, repeated, interrupted = tested.x, tested.fresh(), tested.fresh()
    first = repeated.run(x, dout)
    how = "differs each time, for the same layer and x: draw from an np.random.Generator that the layer holds"
    findings = [*_differing(CauseName.NONDETERMINISM, how, first, tested.fresh().run(x, dout))]
    if findings or tested.draws_randomly():  # a generator's state has to change
        return findings
    findings = [
        *_differing(
            CauseName.STATE_LEAKS,
            "differs at the second pass of the same batch",
            first,
            repeated.run(x, dout),
        )
    ]
    if findings:
        return findings
    try:
        interrupted.run(0.75 * x, other_dout)
    except Exception:  # a layer may refuse another input in any way
        return []
    return [*_differing(CauseName.STATE_LEAKS, _AFTER_ANOTHER, first, interrupted.run(x, dout))]


def leaks_from(x: Array, tested: LayerUnderTest, dout: Array) -> list[LayerFinding]:
    """Return what a pass of another x leaves behind that changes the next pass."""
    if tested.draws_randomly():
        return []
    layer, expected = tested.fresh(), tested.fresh().run(tested.x, dout)
    layer.run(x, dout)
    return [*_differing(CauseName.STATE_LEAKS, _AFTER_ANOTHER, expected, layer.run(tested.x, dout))]


def _differing(cause: CauseName, how: str, before: PassResults, after: PassResults) -> Iterator[LayerFinding]:
    for label, value in before.items():
        now = after[label]
        if value is None or now is None or _same(now, value):
            continue
        adds = " (it adds up)" if now.shape == value.shape and _same(now, 2 * value) else ""
        yield LayerFinding(cause, f"{label} {how}{adds}", label)
        if label == "y":  # the gradients differ because y does
            return


def dtype_promotions(tested: LayerUnderTest, results: PassResults) -> Iterator[LayerFinding]:
    """Yield results whose floating type is not that of x and the parameters together."""
    own = {parameter.label: parameter.value(tested.layer).dtype for parameter in tested.named_parameters}
    expected = np.result_type(tested.x, *own.values())
    for label, value in results.items():
        is_loss = label == "y" and tested.targets is not None  # often a Python float
        if value is not None and not is_loss and value.dtype not in (expected, own.get(label, expected)):
            how = f"{label} is {value.dtype} where x and parameters are {expected}"
            yield LayerFinding(CauseName.DTYPE_PROMOTED, how, label)


def _same(one: Array, other: Array) -> bool:
    """Tell whether arrays are the same but for rounding, relative to the largest entry."""
    if one.shape != other.shape or one.dtype.kind != "f":
        return np.array_equal(one, other)
    slack = 64 * float(np.finfo(one.dtype).eps) * float(np.nanmax(np.abs(other), initial=0))
    return np.allclose(one, other, rtol=0, atol=slack, equal_nan=True)
