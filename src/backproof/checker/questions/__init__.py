"""The assignment's questions, as checks, and all causes that these can name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from backproof.checker import causes
from backproof.checker.causes import Cause, collect_causes
from backproof.checker.outcome import Check
from backproof.checker.questions.batchnorm import mistakes as batchnorm_mistakes
from backproof.checker.questions.batchnorm.question import BATCHNORM
from backproof.checker.questions.convnet import mistakes as convnet_mistakes
from backproof.checker.questions.convnet.question import CONVNET
from backproof.checker.questions.numpy_mlp import layer_mistakes
from backproof.checker.questions.numpy_mlp.question import NUMPY_MLP
from backproof.checker.questions.torch_mlp.question import TORCH_MLP


class Question(NamedTuple):
    """A question of the assignment."""

    title: str
    points: float
    """What the assignment gives for its code."""


QUESTIONS = {
    "1.2": Question("NumPy MLP", 15.0),
    "2": Question("PyTorch MLP", 20.0),
    "3.1": Question("batch norm by autograd", 10.0),
    "3.2b": Question("batch norm by hand", 3.0),
    "3.2c": Question("batch norm as a module", 1.0),
    "4": Question("ConvNet", 10.0),
}
"""By the number that the ids of its checks begin with."""
CAUSES: dict[str, Cause] = collect_causes(causes, layer_mistakes, batchnorm_mistakes, convnet_mistakes)
"""Every cause by its name, in the order of the documentation."""
_PARTS = 16


def share_points(checks: Sequence[Check], points: float) -> list[Check]:
    """Share a question's points by the checks' weights, in sixteenths, so that they sum up exactly."""
    total = sum(check.points for check in checks)
    weight, reached, shared = 0.0, 0, []
    for check in checks:
        weight += check.points
        upto = round(points * _PARTS * weight / total)
        shared.append(replace(check, points=(upto - reached) / _PARTS))
        reached = upto
    return shared


_ALL = [*NUMPY_MLP, *TORCH_MLP, *BATCHNORM, *CONVNET]
CHECKS: list[Check] = [
    check
    for number, question in QUESTIONS.items()
    for check in share_points([check for check in _ALL if check.question == number], question.points)
]
