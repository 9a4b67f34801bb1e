"""Prove one layer's backward pass against its own forward pass, or say what is wrong with it, and where."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from backproof.gradcheck.arrays_within import Array, places
from backproof.gradcheck.behaviour import promoted, remembered, written_to
from backproof.gradcheck.judge import judge
from backproof.gradcheck.layer_report import LayerFinding, LayerReport, Proven
from backproof.gradcheck.layer_under_test import Subject
from backproof.gradcheck.numerical import SINGLE, by_input, by_parameter

_GRADIENTS = {"params": "grads"}
_FEW_SAMPLES = 3
"""Batches of up to so many samples are tried for the smallest case."""


def check_layer(
    layer: object,
    x: Array,
    targets: Array | None = None,
    *,
    gradients: Mapping[str, str] = _GRADIENTS,
    forward: str = "forward",
    backward: str = "backward",
    seed: int = 0,
) -> LayerReport:
    """Compare backward's dx and every parameter's gradient with derivatives of forward, at every index.

    ``layer.forward(x)`` returns y; ``layer.backward(dout)``, for a random ``dout`` of y's shape, returns dx
    (or None) and leaves the parameters' gradients. With ``targets``, the layer is a loss: ``forward(x,
    targets)``, and ``backward(x, targets)`` or ``backward()``. ``gradients`` names the attributes that hold
    parameters (an array, or a dict or list of them) and their gradients: ``{"W": "dW", "b": "db"}``.

    x is float32 or float64, its first axis the batch, of one sample at least (else ValueError, as for
    parameters that are no floats; AttributeError for one that ``gradients`` names and that is not there).
    Derivatives are complex steps where forward takes complex numbers, else central differences. The layer is
    copied for every call, and so left as it was, but for what forward notes down if it cannot be copied, or
    keeps views of a parameter, which a copy would lose. What it raises is raised; TypeError too where what it
    returns or leaves is no array of numbers. For a wrong gradient,
    batches of fewer samples are tried, and the smallest that shows the same is reported; sizes of the layer
    itself stay.
    """
    x = np.array(x)
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"check_layer: x has dtype {x.dtype}, expected float32 or float64")
    if not x.ndim or not x.size:
        raise ValueError(f"check_layer: x has shape {x.shape}, expected one sample or more")
    if gradients != _GRADIENTS:  # what is named has to be there
        for name in gradients:
            getattr(layer, name)
    found, y = tuple(places(layer, gradients)), None if targets is None else np.array(targets)
    subject = Subject(layer, x, y, gradients, found, forward, backward)
    for place in subject.places:
        dtype = place.value(layer).dtype
        if dtype.kind != "f":
            raise ValueError(f"check_layer: {place.parameter_label} has dtype {dtype}, expected floats")
    with np.errstate(all="ignore"):
        return _with_smallest(_check(subject, seed), subject, seed)


def assert_proven(
    layer: object,
    x: Array,
    targets: Array | None = None,
    *,
    gradients: Mapping[str, str] = _GRADIENTS,
    forward: str = "forward",
    backward: str = "backward",
    seed: int = 0,
) -> None:
    """Raise AssertionError with the report of ``check_layer`` unless all of it is right: for tests.

    That nothing could be compared is an error too.

    >>> import numpy as np
    >>> from backproof.numpy_nn import Linear
    >>> from backproof.proof import assert_proven
    >>> def test_linear():
    ...     assert_proven(Linear(4, 3, rng=np.random.default_rng(0)), np.random.randn(5, 4))
    >>> test_linear()
    """
    __tracebackhide__ = True  # pytest shows the test's own line
    report = check_layer(
        layer, x, targets, gradients=gradients, forward=forward, backward=backward, seed=seed
    )
    if not report.ok:
        raise AssertionError(str(report))


def _check(subject: Subject, seed: int) -> LayerReport:
    name, rng = type(subject.layer).__name__, np.random.default_rng(seed)
    y = subject.fresh().forward(subject.x.copy())
    if not y.size or not np.isfinite(y).all():
        how = "forward is empty or not finite for this x: give one that lies inside its domain"
        return LayerReport(name, {}, (LayerFinding("nothing checked", how, "y"),))
    dout, other = (
        np.ones(()) if subject.targets is not None else rng.normal(size=y.shape).astype(y.dtype)
        for _ in range(2)
    )
    found, again = subject.fresh().run(subject.x, dout), subject.fresh().run(subject.x, other)
    findings = [*written_to(subject, dout)] or remembered(subject, dout)
    findings += promoted(subject, found)
    if any(each.cause == "nondeterminism" for each in findings):
        return LayerReport(name, {}, tuple(findings), tuple(found))  # what changes has no derivative
    derivatives = {"dx": by_input(subject, dout)} if found["dx"] is not None else {}
    derivatives |= {place.label: by_parameter(subject, place, dout) for place in subject.places}
    checked: dict[str, Proven] = {}
    for gradient, derivative in derivatives.items():
        values = found[gradient], None if subject.targets is not None else again[gradient]
        proven, met = judge(gradient, *values, subject, derivative, rng)
        findings += met
        if proven is not None:
            checked[gradient] = proven
    single = [gradient for gradient, each in derivatives.items() if each.method is SINGLE]
    if single:
        how = f"{', '.join(single)}: forward rounds as coarsely as float32, where h = 1e-5 would drown"
        use = f"h ≥ {SINGLE.near:g} and tolerance {SINGLE.tolerance:g} used"
        findings.append(LayerFinding("unsuitable step", f"{how}; {use}"))
    if not checked and not findings:
        how = "backward returns no dx, and there are no parameters: name them by gradients={'W': 'dW'}"
        findings.append(LayerFinding("nothing checked", how))
    return LayerReport(name, checked, tuple(findings), () if found["dx"] is not None else ("dx",))


def _with_smallest(report: LayerReport, subject: Subject, seed: int) -> LayerReport:
    """Look for what is wrong in smaller batches; write down which x shows it, and how to see it again."""
    sought = {each.kind for each in report.findings if each.is_wrong}
    shown: dict[tuple[str, str], LayerFinding] = {}
    for count in range(1, min(len(subject.x), _FEW_SAMPLES + 1)):
        if sought <= shown.keys():
            break
        targets = None if subject.targets is None else subject.targets[:count]
        few = replace(subject, x=subject.x[:count], targets=targets)
        again = _call(few, f"[:{count}]", seed)
        with contextlib.suppress(Exception):  # a layer may refuse a smaller batch in any way
            for each in _check(few, seed).findings:
                shown.setdefault(each.kind, replace(each, shape=few.x.shape, rerun=again))
    again = _call(subject, "", seed)
    return replace(
        report,
        findings=tuple(
            shown[each.kind]
            if each.is_wrong and each.kind in shown
            else replace(each, shape=subject.x.shape, rerun=again)
            for each in report.findings
        ),
    )


def _call(subject: Subject, part: str, seed: int) -> str:
    """Write the call that checks a part of the samples."""
    arguments = ["layer", f"x{part}", *([] if subject.targets is None else [f"targets{part}"])]
    given = {
        "gradients": (subject.gradients, _GRADIENTS),
        "forward": (subject.forward_name, "forward"),
        "backward": (subject.backward_name, "backward"),
        "seed": (seed, None),
    }
    arguments += [f"{name}={value!r}" for name, (value, usual) in given.items() if value != usual]
    return f"check_layer({', '.join(arguments)})"
