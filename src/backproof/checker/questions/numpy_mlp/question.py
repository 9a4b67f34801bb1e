"""Question 1.2: the multi-layer perceptron in NumPy, check by check."""

from collections.abc import Sequence
from functools import partial

from backproof.checker.outcome import Check
from backproof.checker.questions.accuracy import accuracy
from backproof.checker.questions.check_at_sizes import CaseSizes, CheckAtSizes, TrialFunction
from backproof.checker.questions.numpy_mlp import (
    behaviour,
    layer_checks,
    network_checks,
    parameters,
    precision,
)
from backproof.checker.questions.numpy_mlp.no_loop import cost


def _features(*shapes: tuple[int, int, int]) -> Sequence[CaseSizes]:
    return tuple({"B": b, "in": n, "out": m} for b, n, m in shapes)


def _classes(*shapes: tuple[int, int]) -> Sequence[CaseSizes]:
    return tuple({"B": b, "C": c} for b, c in shapes)


_LINEAR = _features((4, 5, 3), (1, 3, 2), (3, 2, 6), (3, 4, 4), (130, 3, 2))
_SMALL_LINEAR = _features((1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 1), (2, 2, 1), (2, 1, 2), (2, 2, 2))
_SQUARE = {"B": 3, "in": 3, "out": 3}
_SHAPES = _classes((5, 3), (1, 4), (2, 6), (3, 3), (130, 3))
_SMALL_SHAPES = _classes((1, 1), (1, 2), (2, 1), (2, 2), (2, 3))


def _linear(value: str, run_trial: TrialFunction) -> CheckAtSizes:
    return CheckAtSizes(value, run_trial, _LINEAR, _SMALL_LINEAR, _SQUARE)


def _layer(value: str, run_trial: TrialFunction) -> CheckAtSizes:
    return CheckAtSizes(value, run_trial, _SHAPES, _SMALL_SHAPES)


# fmt: off
NUMPY_MLP = [
    Check("1.2/linear.parameters", 0.5, "LinearModule: parameters and gradients", parameters.shapes),
    Check("1.2/linear.init", 0.5, "LinearModule: N(0, 0.0001²) and zeros", parameters.first_values),
    Check("1.2/linear.y", 1, "LinearModule: forward",
          _linear("linear.y", layer_checks.linear_y)),
    Check("1.2/linear.dx", 1, "LinearModule: gradient of the input",
          _linear("linear.dx", partial(layer_checks.linear_gradient, "dx"))),
    Check("1.2/linear.dW", 1, "LinearModule: gradient of the weights",
          _linear("linear.dW", partial(layer_checks.linear_gradient, "dW"))),
    Check("1.2/linear.db", 1, "LinearModule: gradient of the bias",
          _linear("linear.db", partial(layer_checks.linear_gradient, "db"))),
    Check("1.2/leaky_relu.y", 0.5, "LeakyReLUModule: forward",
          _layer("leaky_relu.y", layer_checks.leaky_y)),
    Check("1.2/leaky_relu.dx", 1, "LeakyReLUModule: backward",
          _layer("leaky_relu.dx", layer_checks.leaky_dx)),
    Check("1.2/softmax.p", 0.5, "SoftMaxModule: forward",
          _layer("softmax.p", layer_checks.softmax_p)),
    Check("1.2/softmax.stable", 0.5, "SoftMaxModule: scores around ±1000", behaviour.stable),
    Check("1.2/softmax.dx", 1, "SoftMaxModule: backward",
          _layer("softmax.dx", layer_checks.softmax_dx)),
    Check("1.2/cross_entropy.L", 0.5, "CrossEntropyModule: forward",
          _layer("cross_entropy.L", layer_checks.loss)),
    Check("1.2/cross_entropy.dx", 1, "CrossEntropyModule: backward",
          _layer("cross_entropy.dx", layer_checks.loss_dx)),
    Check("1.2/mlp.forward", 1, "MLP: forward, one and two hidden layers", network_checks.forward_values),
    Check("1.2/mlp.backward", 1, "MLP: all gradients, one and two hidden layers", network_checks.gradients),
    Check("1.2/mlp.no_hidden", 0.5, "MLP: no hidden layer", network_checks.no_hidden),
    Check("1.2/mlp.state", 0.25, "MLP: two of them, and two passes, do not disturb each other",
          network_checks.check_independent),
    Check("1.2/layers.inputs", 0.25, "all layers: arguments stay as they are",
          behaviour.check_arguments_unchanged),
    Check("1.2/layers.state", 0.5, "all layers: the same call gives the same", behaviour.check_repeatable),
    Check("1.2/layers.dtype", 0.25, "all layers: float64 in, float64 out", precision.dtypes),
    Check("1.2/layers.cost", 0.75, "all layers: no loop over samples", cost),
    Check("1.2/accuracy", 0.5, "accuracy of the training script", accuracy("train_mlp_numpy")),
]
# fmt: on
