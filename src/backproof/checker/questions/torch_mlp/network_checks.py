"""Check question 2's MLP: its registered parameters, its output and its gradients."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from backproof.arrays import Array
from backproof.checker.calls import Runner, Tensor
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import diagnose
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError
from backproof.checker.questions import torch_objects
from backproof.checker.questions.check_at_sizes import CaseSizes, CheckAtSizes, Trial
from backproof.checker.questions.torch_mlp import numpy_model
from backproof.checker.questions.torch_mlp.mistakes import output_mistakes
from backproof.checker.questions.torch_mlp.network import (
    TARGET,
    TOLERANCE,
    TorchNetwork,
    arguments,
    make_network,
    make_registered,
)

_WIDTHS: tuple[tuple[int, ...], ...] = ((6, 4), (6, 7, 4), (6, 7, 5, 4))
"""From inputs to classes; all differ, so that shapes tell the layers."""
_GRADIENT_TOLERANCE = 2e-3


def _sizes(batch: int, widths: Sequence[int]) -> CaseSizes:
    return {"B": batch, **{f"width {i}": width for i, width in enumerate(widths)}}


_SMALLER = [_sizes(batch, widths) for widths in ((2, 3), (2, 3, 4), (2, 3, 4, 5)) for batch in (1, 2)]


def registered(runner: Runner, _: np.random.Generator) -> Outcome:
    """Check that the network is an nn.Module with registered parameters, and leaves n_hidden as it is."""
    make_registered(runner, _WIDTHS[1])
    torch_objects.must_leave_arguments(runner, TARGET, *arguments(_WIDTHS[1]))
    return RIGHT


def layers(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that there are as many layers as asked for, of the sizes asked for."""
    for widths in _WIDTHS:
        make_network(runner, rng, widths)
    return RIGHT


def _forward(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    batch, *widths = sizes.values()
    net = make_network(runner, rng, widths)
    x = (3 * rng.normal(size=(batch, widths[0]))).astype(np.float32)
    got = torch_objects.output(runner, "net.forward", (Tensor(x),), (batch, widths[-1]))
    norm_first, end = net.fitting(x, got) or (True, numpy_model.identity)
    right = end(net.output(x, norm_first=norm_first))
    comparison = Comparison("the output", got, right, net.inputs(x), TOLERANCE)
    return Trial(comparison, lambda: diagnose(comparison, output_mistakes(net, x)))


def _gradients(runner: Runner, rng: np.random.Generator, sizes: CaseSizes) -> Trial:
    """Compare the gradients of all parameters; the one with the largest error is returned."""
    batch, *widths = sizes.values()
    net = make_network(runner, rng, widths)
    x, upstream = (rng.normal(size=(batch, n)).astype(np.float32) for n in (widths[0], widths[-1]))
    got = torch_objects.call_forward(runner, "net", x)
    computed = torch_objects.get_gradients(runner, "net.forward", (Tensor(x),), upstream, net.names)
    if (fit := net.fitting(x, got)) is None:
        explanation = (
            f"with n_hidden = {widths[1:-1]} the output is wrong: gradients have nothing to be compared with."
        )
        raise OutcomeError(Outcome("not run", explanation=explanation, hint="Mend the output first."))
    loss = partial(_loss, net, x, upstream, *fit)
    right = numpy_model.numerical_gradients(net.state, list(computed), loss)
    inputs = {**net.inputs(x), "upstream": upstream}
    worst = max(
        (
            Comparison(f"gradient of {n}", g, right[n], inputs, _GRADIENT_TOLERANCE)
            for n, g in computed.items()
        ),
        key=lambda comparison: comparison.error,
    )
    return Trial(worst, lambda: diagnose(worst, is_gradient=True))


def _loss(
    net: TorchNetwork,
    x: Array,
    upstream: Array,
    norm_first: bool,
    end: numpy_model.ArrayFunction,
    state: dict[str, Array],
) -> float:
    return float((end(net.output(x, state, norm_first=norm_first)) * upstream).sum())


def _at_sizes() -> Iterator[CheckAtSizes]:
    for widths in _WIDTHS:
        smaller = [sizes for sizes in _SMALLER if len(sizes) <= 1 + len(widths)]
        yield CheckAtSizes("mlp.forward", _forward, [_sizes(9, widths), _sizes(1, widths)], smaller)


no_hidden, one_hidden, two_hidden = _at_sizes()
gradients = CheckAtSizes("mlp.gradients", _gradients, [_sizes(8, widths) for widths in _WIDTHS], _SMALLER)
