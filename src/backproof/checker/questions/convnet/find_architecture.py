"""Find the architecture that gives a ConvNet's output: Table 1, or one with a mistake."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.comparison import error_against
from backproof.checker.diagnosis import Mistake
from backproof.checker.questions.convnet import architectures, run_architecture
from backproof.checker.questions.convnet.mistakes import mistakes
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.torch_mlp.numpy_model import ArrayFunction, identity, log_softmax

_TOLERANCE, _FLOOR = 2e-3, 1e-12
_EPSILONS = (1e-5, 1e-3, 1e-4, 1e-6)
"""Table 1 names no ε: PyTorch's own comes first, others that people choose count as right, too."""
_LARGEST = 200
_SOFTMAX = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "has gone through a softmax; Table 1 ends in the linear layer",
    "Sum each row of the output, and look up what torch.nn.CrossEntropyLoss takes.",
)
Output = Callable[[int], Array | str]
"""What the network makes of images of a size, or why it fails."""


@dataclass(frozen=True)
class Match:
    """An architecture run that gives what the network gave."""

    architecture: architectures.Architecture
    tensors: run_architecture.ConvNetTensors
    eps: float
    norms: Mapping[int, run_architecture.NormTensors]
    end: ArrayFunction

    def evaluated(self, images: Array) -> Array | None:
        """Return what the architecture gives in evaluation."""
        ran = run_architecture.run_architecture(
            self.architecture, self.tensors, images, norms=self.norms, eps=self.eps
        )
        return None if ran is None else self.end(ran.output)


def is_same_output(expected: Array, got: Array) -> bool:
    """Tell whether outputs are the same, also in how samples differ, which may be the smaller part."""
    if error_against(got, expected, _FLOOR) > _TOLERANCE:
        return False
    apart, got_apart = expected - expected.mean(axis=0), got - got.mean(axis=0)
    rounding = 1e-6 * float(np.abs(expected).max()) / (float(np.abs(apart).max()) + _FLOOR)
    return error_against(got_apart, apart, _FLOOR) <= max(_TOLERANCE, rounding)


def _try(
    architecture: architectures.Architecture,
    given: run_architecture.ConvNetTensors,
    eps: float,
    images: Array,
    got: Array,
    end: ArrayFunction = identity,
) -> Match | None:
    ran = run_architecture.run_architecture(architecture, given, images, eps=eps)
    if ran is None or not is_same_output(end(ran.output), got):
        return None
    return Match(architecture, given, eps, run_architecture.match_norms(given, ran.means), end)


def find_table_1(given: run_architecture.ConvNetTensors, images: Array, got: Array) -> Match | None:
    """Find a run of Table 1 that gives ``got``, whatever the order of registration and ε."""
    for convs in run_architecture.orders(given.convs):
        for eps in _EPSILONS:
            match = _try(architectures.table_1(), replace(given, convs=convs), eps, images, got)
            if match is not None:
                return match
    return None


def find_mistakes(
    given: run_architecture.ConvNetTensors, images: Array, got: Array
) -> Iterator[tuple[Mistake, Match]]:
    """Find the mistakes that give ``got``."""
    for end in (softmax, log_softmax):
        match = _try(architectures.table_1(), given, _EPSILONS[0], images, got, end)
        if match is not None:
            yield _SOFTMAX, match
    for mistake, architecture in mistakes():
        match = _try(architecture, given, _EPSILONS[0], images, got)
        if match is not None:
            yield mistake, match


def find_size_mistake(
    given: run_architecture.ConvNetTensors, images: Callable[[int], Array], output: Output
) -> Mistake | None:
    """Find the mistake of a network that 32 × 32 pixels do not pass: on other images, else by sizes alone."""
    outputs: dict[int, Array | str] = {}
    for mistake, architecture in mistakes():
        size = next(
            (size for size in range(16, _LARGEST) if architectures.size_after(architecture, size) == 1), 0
        )
        if not size or architectures.size_after(architecture, 32) == 1:
            continue
        if size not in outputs:
            outputs[size] = output(size)
        got = outputs[size]
        if (
            not isinstance(got, str)
            and _try(architecture, given, _EPSILONS[0], images(size), got) is not None
        ):
            return mistake
    return _by_sizes([(size, _side(output(size))) for size in (24, 32, 33, 41, 64, 65, 96)])


def _side(got: Array | str) -> int | None:
    """Return how many pixels high and wide reach the linear layer, as far as torch's complaint tells."""
    if not isinstance(got, str):
        return None
    match = re.search(r"cannot be multiplied \(\d+x(\d+) and \d+x\d+\)", got)
    if not match:
        return None
    pixels, rest = divmod(int(match[1]), architectures.LINEAR_INPUTS)
    return int(match[1]) if rest else math.isqrt(pixels)  # unless flattened, the last axis is the width


def _by_sizes(sides: Sequence[tuple[int, int | None]]) -> Mistake | None:
    """Find all mistakes that give these heights and widths; nothing if they are of several kinds."""
    known = [(size, side) for size, side in sides if side is not None]
    fitting = [
        m
        for m, architecture in mistakes()
        if all(architectures.size_after(architecture, a) == b for a, b in known)
    ]
    if not known or len({mistake.cause for mistake in fitting}) != 1:
        return None
    explanation = ", or ".join(mistake.what for mistake in fitting)
    return Mistake(fitting[0].cause, f"{explanation} (by the sizes that come out)", fitting[0].hint)
