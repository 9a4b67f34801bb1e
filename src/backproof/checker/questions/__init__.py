"""The assignment's questions, as checks."""

from collections.abc import Sequence
from dataclasses import replace

from backproof.checker.outcome import Check
from backproof.checker.questions.batchnorm.question import BATCHNORM
from backproof.checker.questions.convnet.question import CONVNET
from backproof.checker.questions.numpy_mlp.question import NUMPY_MLP
from backproof.checker.questions.torch_mlp.question import TORCH_MLP

POINTS = {"1.2": 15.0, "2": 20.0, "3.1": 10.0, "3.2b": 3.0, "3.2c": 1.0, "4": 10.0}
"""What the assignment gives for each question's code."""
_PARTS = 16


def scaled(checks: Sequence[Check], points: float) -> list[Check]:
    """Share a question's points by the checks' weights, in sixteenths, so that they sum up exactly."""
    total = sum(each.points for each in checks)
    weight, reached, shared = 0.0, 0, []
    for each in checks:
        weight += each.points
        upto = round(points * _PARTS * weight / total)
        shared.append(replace(each, points=(upto - reached) / _PARTS))
        reached = upto
    return shared


_ALL = [*NUMPY_MLP, *TORCH_MLP, *BATCHNORM, *CONVNET]
CHECKS: list[Check] = [
    each
    for question, points in POINTS.items()
    for each in scaled([check for check in _ALL if check.question == question], points)
]
