"""How a layer behaves besides its formulas: its memory, its dtypes, its arguments."""

from collections.abc import Iterator

import numpy as np

from backproof.gradcheck.arrays_within import Array
from backproof.gradcheck.layer_report import LayerFinding
from backproof.gradcheck.layer_under_test import Subject, Values


def written_to(subject: Subject, dout: Array) -> Iterator[LayerFinding]:
    """Find what a pass writes to: x, dout, targets, the parameters."""
    one = subject.fresh()
    x, upstream, before = subject.x.copy(), dout.copy(), one.parameters()
    one.forward(x)
    if not _same(x, subject.x):
        yield LayerFinding("input changed in place", "forward writes to x: work on a copy", "x")
        x[...] = subject.x
    one.backward(x, upstream)
    if not _same(x, subject.x):
        yield LayerFinding("input changed in place", "backward writes to the x that forward was given", "x")
    if not _same(upstream, dout):
        yield LayerFinding("input changed in place", "backward writes to dout: work on a copy", "dout")
    after = one.parameters()
    for name in before | after:
        if name not in before or name not in after or not _same(before[name], after[name]):
            how = "a forward and backward pass changes it, which is the optimizer's task"
            yield LayerFinding("state leaks between calls", f"{name}: {how}", name)


def remembered(subject: Subject, dout: Array) -> list[LayerFinding]:
    """Find what differs from one copy of the layer to the next, or from one pass to the next."""
    x, one, other = subject.x, subject.fresh(), subject.fresh()
    first = one.run(x, dout)
    how = "differs each time, for the same layer and x: draw from an np.random.Generator that the layer holds"
    found = [*_differing("nondeterminism", how, first, subject.fresh().run(x, dout))]
    if found or subject.draws_randomly():  # a generator's state has to move on
        return found
    leak = "state leaks between calls"
    found = [*_differing(leak, "differs at the second pass of the same batch", first, one.run(x, dout))]
    other.run(0.75 * x, -0.5 * dout)
    return found or [*_differing(leak, "differs after a pass of another batch", first, other.run(x, dout))]


def _differing(cause: str, how: str, before: Values, after: Values) -> Iterator[LayerFinding]:
    for name, value in before.items():
        now = after[name]
        if value is None or now is None or _same(now, value):
            continue
        adds = " (it adds up)" if now.shape == value.shape and _same(now, 2 * value) else ""
        yield LayerFinding(cause, f"{name} {how}{adds}", name)
        if name == "y":  # what follows from it is no news
            return


def promoted(subject: Subject, found: Values) -> Iterator[LayerFinding]:
    """Find floats that do not keep their width: what x and parameters together have."""
    own = {place.label: place.value(subject.layer).dtype for place in subject.places}
    expected = np.result_type(subject.x, *own.values())
    for name, value in found.items():
        is_loss = name == "y" and subject.targets is not None  # often a float of Python's
        if value is not None and not is_loss and value.dtype not in (expected, own.get(name, expected)):
            how = f"{name} is {value.dtype} where x and parameters are {expected}"
            yield LayerFinding("dtype promoted", how, name)


def _same(one: Array, other: Array) -> bool:
    """Tell whether arrays are the same but for rounding, measured against the whole."""
    if one.shape != other.shape or one.dtype.kind != "f":
        return np.array_equal(one, other)
    slack = 64 * float(np.finfo(one.dtype).eps) * float(np.nanmax(np.abs(other), initial=0))
    return np.allclose(one, other, rtol=0, atol=slack, equal_nan=True)
