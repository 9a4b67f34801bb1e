"""Prove a layer's backward pass against its own forward pass, or say what is wrong and where."""

from collections.abc import Mapping

import numpy as np

from backproof.arrays import Array
from backproof.gradcheck.check_batch import check_batch
from backproof.gradcheck.layer_report import LayerReport
from backproof.gradcheck.layer_under_test import LayerUnderTest
from backproof.gradcheck.named_parameters import USUAL_GRADIENTS, named_parameters
from backproof.gradcheck.smallest_batch import with_smallest_batches


def check_layer(
    layer: object,
    x: Array,
    targets: Array | None = None,
    *,
    gradients: Mapping[str, str] = USUAL_GRADIENTS,
    forward: str = "forward",
    backward: str = "backward",
    seed: int = 0,
) -> LayerReport:
    """Compare backward's dx and every parameter's gradient with derivatives of forward, at every index.

    ``layer.forward(x)`` returns y; ``layer.backward(dout)`` returns dx (or None) and leaves the parameters'
    gradients. With ``targets``, the layer is a loss: ``forward(x, targets)``, and ``backward(x, targets)`` or
    ``backward()``. ``gradients`` names the attributes that hold parameters (an array, or a dict or list of
    them) and their gradients: ``{"W": "dW", "b": "db"}``.

    All have to be right for two random dout of y's shape, and at other x, made from x, with other
    parameters as well, where the layer takes them. ``seed`` draws these, from streams that no generator of
    the same seed gives a user. Derivatives are complex steps where forward takes complex numbers, else
    central differences. For a wrong gradient, batches of fewer samples are tried, and the smallest that shows
    the same is reported.

    x is float32 or float64, its first axis the batch, of one sample at least (else ValueError, as for
    parameters that are no floats or can be given no other values, and where no dout can be drawn that is
    unlike all arrays of the layer; AttributeError for a parameter that ``gradients`` names and that is not
    there). What the layer raises is raised; TypeError too where what it returns or leaves is no array of
    numbers. Every call is made on a copy of the layer, which itself does not change; one that cannot be
    copied is called itself, and keeps what forward stores. Its parameters have other values for a while, in
    their own memory, so that views of them follow.
    """
    x = np.array(x)
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"check_layer: x has dtype {x.dtype}, expected float32 or float64")
    if not x.ndim or not x.size:
        raise ValueError(f"check_layer: x has shape {x.shape}, expected one sample or more")
    if gradients != USUAL_GRADIENTS:  # what is named has to be there
        for name in gradients:
            if isinstance(getattr(layer, name), int):
                raise ValueError(f"check_layer: {name} is an integer, expected floats")
    tested = LayerUnderTest(
        layer,
        x,
        None if targets is None else np.array(targets),
        gradients,
        tuple(named_parameters(layer, gradients)),
        forward,
        backward,
    )
    for parameter in tested.named_parameters:
        dtype = parameter.value(layer).dtype
        if dtype.kind != "f":
            raise ValueError(f"check_layer: {parameter.parameter_label} has dtype {dtype}, expected floats")
    with np.errstate(all="ignore"):
        return with_smallest_batches(check_batch(tested, seed), tested, seed)


def assert_proven(
    layer: object,
    x: Array,
    targets: Array | None = None,
    *,
    gradients: Mapping[str, str] = USUAL_GRADIENTS,
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
