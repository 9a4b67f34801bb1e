"""Check that a ConvNet's weights start as PyTorch draws them."""

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Runner
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, wrong
from backproof.checker.questions.convnet.registered_parameters import make_convnet, state_of

_STANDARD_ERRORS = 6


def initialisation(runner: Runner, _: np.random.Generator) -> Outcome:
    """Check that the weights are uniform within ±1/√fan_in, by their largest and their mean square."""
    make_convnet(runner)
    weights = {name: array for name, array in state_of(runner).items() if array.ndim in (2, 4)}
    if not weights:
        evidence = Evidence(parameter="net.parameters()", expected="weights", got="none")
        raise OutcomeError(
            wrong(causes.PARAMETERS_NOT_REGISTERED, "the network has registered no weights.", evidence)
        )
    for name, weight in weights.items():
        bound = 1 / np.sqrt(np.prod(weight.shape[1:]))
        spread, largest = float(np.sqrt(np.mean(weight.astype(float) ** 2))), float(np.abs(weight).max())
        if largest > 1.0001 * bound or not _has_spread(weight, bound):
            explanation = f"{name} does not start as PyTorch's layers do, uniform within ±{bound:.4f}."
            due = f"spread {bound / np.sqrt(3):.4f}, at most {bound:.4f}"
            got = f"spread {spread:.4f}, at most {largest:.4f}"
            return wrong(
                causes.WRONG_INITIALISATION, explanation, Evidence(parameter=name, expected=due, got=got)
            )
    return RIGHT


def _has_spread(weight: Array, bound: float) -> bool:
    """Tell whether the mean square is that of uniform numbers: bound²/3, give or take √(4/45n) bound²."""
    error = np.sqrt(4 / (45 * weight.size))
    return bool(abs(np.mean((weight / bound) ** 2) - 1 / 3) <= _STANDARD_ERRORS * error)
