"""An MLP of the submission in torch with random weights, and the exact values of its output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Assign, Call, Runner, need_all
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import Mistake
from backproof.checker.outcome import OutcomeError, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.torch_mlp import numpy_model

TARGET, SLOPE, TOLERANCE = "mlp_pytorch.MLP", 0.3, 2e-4


@dataclass(frozen=True)
class TorchNetwork:
    """An MLP in the child, called net."""

    state: dict[str, Array]
    names: dict[str, str]
    """Of its parameters: in the state → in the child."""
    layers: list[numpy_model.LayerNames]
    slope: float

    def output(self, x: Array, state: dict[str, Array] | None = None, *, norm_first: bool = True) -> Array:
        """Return the scores that the parameters give."""
        leaky = numpy_model.leaky(self.slope)
        return numpy_model.scores(state or self.state, self.layers, x, leaky, norm_first=norm_first)

    def fitting(self, x: Array, got: Array) -> tuple[bool, numpy_model.ArrayFunction] | None:
        """Return where norm and softmax are, which the assignment leaves open: norm first, and the end."""
        for norm_first in (True, False):
            for end in numpy_model.ENDINGS:
                if Comparison("", got, end(self.output(x, norm_first=norm_first)), {}, TOLERANCE).right:
                    return norm_first, end
        return None

    def inputs(self, x: Array) -> Mapping[str, Array]:
        """Return x, slope and parameters by name."""
        return {"x": x, "slope": np.array(self.slope), **{name: self.state[name] for name in self.names}}


def arguments(widths: Sequence[int]) -> Sequence[torch_objects.Arguments]:
    """Return what the MLP is made with; without a slope in the edition of 2018, whose activation is ReLU."""
    sizes = (widths[0], list(widths[1:-1]), widths[-1])
    return (*sizes, SLOPE), sizes


def make_registered(runner: Runner, widths: Sequence[int]) -> tuple[dict[str, Array], dict[str, str], float]:
    """Make ``net``; return state, parameters' names and slope (SubmissionError, OutcomeError)."""
    takes_slope = torch_objects.make_object(runner, "net", TARGET, *arguments(widths)) == 0
    state = torch_objects.get_state(runner, "net", np.zeros((2, widths[0]), np.float32))
    names = torch_objects.name_parameters(runner, "net", state)
    if not names:
        evidence = Evidence(parameter="net.parameters()", expected="weights and biases", got="none")
        explanation = "the network has registered no parameters: torch does not know layers in a plain list."
        raise OutcomeError(wrong(causes.PARAMETERS_NOT_REGISTERED, explanation, evidence))
    return state, names, SLOPE if takes_slope else 0.0


def make_network(runner: Runner, rng: np.random.Generator, widths: Sequence[int]) -> TorchNetwork:
    """Make ``net`` with random weights, in evaluation (SubmissionError, OutcomeError)."""
    state, names, slope = make_registered(runner, widths)
    layers = numpy_model.find_layers(state, list(names), widths)
    if isinstance(layers, Mistake):
        shapes = {name: list(state[name].shape) for name in names}
        evidence = Evidence(
            parameter="net.parameters()", expected=layers.what, got=str(list(shapes)), shapes=shapes
        )
        explanation = f"with n_hidden = {list(widths[1:-1])}: {layers.what}."
        raise OutcomeError(wrong(layers.cause, explanation, evidence))
    written = []
    for layer, n_in in zip(layers, widths, strict=False):
        for name in filter(None, (layer.weight, layer.bias)):
            drawn = 1.5 / np.sqrt(n_in) * rng.normal(size=state[name].shape)
            state[name] = drawn.astype(state[name].dtype)
            written.append(Assign(names[name], state[name]))
    need_all(runner.run([Call("_", "net.eval"), *written]))
    return TorchNetwork(state, names, layers, slope)
