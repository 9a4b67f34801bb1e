"""Check question 2's MLP: its registered parameters, its output and its gradients."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from backproof.checker import causes
from backproof.checker.calls import Array, Assign, Call, Runner, Tensor, need_all
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import Known, Mistake, diagnose
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.check_at_sizes import CheckAtSizes, Sizes, Trial
from backproof.checker.questions.numpy_mlp.mistakes import SLOPE_ON_WRONG_SIDE, softmax
from backproof.checker.questions.torch_mlp import numpy_model

_TARGET, _SLOPE = "mlp_pytorch.MLP", 0.3
_WIDTHS: tuple[tuple[int, ...], ...] = ((6, 4), (6, 7, 4), (6, 7, 5, 4))
"""From inputs to classes; all differ, so that shapes tell the layers."""
_TOLERANCE, _GRADIENT_TOLERANCE = 2e-4, 2e-3


def _sizes(batch: int, widths: Sequence[int]) -> Sizes:
    return {"B": batch, **{f"width {i}": width for i, width in enumerate(widths)}}


_SMALLER = [_sizes(batch, widths) for widths in ((2, 3), (2, 3, 4), (2, 3, 4, 5)) for batch in (1, 2)]


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

    def fitting(self, x: Array, got: Array) -> tuple[bool, numpy_model.Function] | None:
        """Return where norm and softmax are, which the assignment leaves open: norm first, and the end."""
        for norm_first in (True, False):
            for end in numpy_model.ENDINGS:
                if Comparison("", got, end(self.output(x, norm_first=norm_first)), {}, _TOLERANCE).right:
                    return norm_first, end
        return None

    def inputs(self, x: Array) -> Mapping[str, Array]:
        """Return x, slope and parameters by name."""
        return {"x": x, "slope": np.array(self.slope), **{name: self.state[name] for name in self.names}}


def _arguments(widths: Sequence[int]) -> Sequence[torch_objects.Arguments]:
    """Return what the MLP is made with; without a slope in the edition of 2018, whose activation is ReLU."""
    sizes = (widths[0], list(widths[1:-1]), widths[-1])
    return (*sizes, _SLOPE), sizes


def _registered(runner: Runner, widths: Sequence[int]) -> tuple[dict[str, Array], dict[str, str], float]:
    """Make ``net``; return state, parameters' names and slope (SubmissionError, OutcomeError)."""
    takes_slope = torch_objects.make_object(runner, "net", _TARGET, *_arguments(widths)) == 0
    state = torch_objects.get_state(runner, "net", np.zeros((2, widths[0]), np.float32))
    names = torch_objects.name_parameters(runner, "net", state)
    if not names:
        evidence = Evidence(parameter="net.parameters()", expected="weights and biases", got="none")
        explanation = "the network has registered no parameters: torch does not know layers in a plain list."
        raise OutcomeError(wrong(causes.PARAMETERS_NOT_REGISTERED, explanation, evidence))
    return state, names, _SLOPE if takes_slope else 0.0


def _make(runner: Runner, rng: np.random.Generator, widths: Sequence[int]) -> TorchNetwork:
    """Make ``net`` with random weights, in evaluation (SubmissionError, OutcomeError)."""
    state, names, slope = _registered(runner, widths)
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


def registered(runner: Runner, _: np.random.Generator) -> Outcome:
    """Check that the network is an nn.Module with registered parameters, and leaves n_hidden as it is."""
    _registered(runner, _WIDTHS[1])
    torch_objects.must_leave_arguments(runner, _TARGET, *_arguments(_WIDTHS[1]))
    return RIGHT


def layers(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that there are as many layers as asked for, of the sizes asked for."""
    for widths in _WIDTHS:
        _make(runner, rng, widths)
    return RIGHT


def _forward(runner: Runner, rng: np.random.Generator, sizes: Sizes) -> Trial:
    batch, *widths = sizes.values()
    net = _make(runner, rng, widths)
    x = (3 * rng.normal(size=(batch, widths[0]))).astype(np.float32)
    got = torch_objects.output(runner, "net.forward", (Tensor(x),), (batch, widths[-1]))
    norm_first, end = net.fitting(x, got) or (True, numpy_model.identity)
    right = end(net.output(x, norm_first=norm_first))
    comparison = Comparison("the output", got, right, net.inputs(x), _TOLERANCE)
    return Trial(comparison, lambda: diagnose(comparison, _known(net, x)))


def _known(net: TorchNetwork, x: Array) -> Known:
    """Yield what wrong activations and endings give."""
    slope, leaky = net.slope, numpy_model.leaky

    def sigmoid(z: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-z)))

    side = Mistake(SLOPE_ON_WRONG_SIDE, "multiplies positive numbers by the slope")
    activations = (
        (side, leaky(1, slope or _SLOPE)),
        (side, leaky(slope, slope)),
        (_value("does not use the slope: the activation is ReLU"), leaky(0)),
        (_value("does not use the slope given, but LeakyReLU's default 0.01"), leaky(0.01)),
        (_value("does not use the slope given, but 0.02"), leaky(0.02)),
        (_value("has no activation between the layers"), leaky(1)),
        (_value("has the slope's sign the wrong way round"), leaky(-slope)),
        (_value("has tanh for an activation"), np.tanh),
        (_value("has the sigmoid for an activation"), sigmoid),
    )
    for mistake, activation in activations:
        for end in numpy_model.ENDINGS:
            yield mistake, end(numpy_model.scores(net.state, net.layers, x, activation))
    last = "has an activation after the last layer as well"
    for end in numpy_model.ENDINGS:
        for activation in (leaky(slope), leaky(0)):
            activated = numpy_model.scores(net.state, net.layers, x, leaky(slope), last=activation)
            yield _value(last, "Look at what comes after the last layer."), end(activated)
    z = net.output(x)
    along = _value("has a softmax along the batch, not along the classes", "Sum each row of the output.")
    yield along, softmax(z.T).T
    yield along, numpy_model.log_softmax(z.T).T
    twice = _value("has gone through softmax twice", "Count the softmaxes from input to loss.")
    yield twice, softmax(softmax(z))


def _value(what: str, hint: str = "Follow one sample through the layers by hand.") -> Mistake:
    return Mistake(causes.WRONG_FORWARD_VALUE, what, hint)


def _gradients(runner: Runner, rng: np.random.Generator, sizes: Sizes) -> Trial:
    """Compare the gradients of all parameters; the one with the largest error is returned."""
    batch, *widths = sizes.values()
    net = _make(runner, rng, widths)
    x, upstream = (rng.normal(size=(batch, n)).astype(np.float32) for n in (widths[0], widths[-1]))
    got = torch_objects.call_forward(runner, "net", x)
    computed = torch_objects.get_gradients(runner, "net.forward", (Tensor(x),), upstream, net.names)
    if (way := net.fitting(x, got)) is None:
        explanation = (
            f"with n_hidden = {widths[1:-1]} the output is wrong: gradients have nothing to be compared with."
        )
        raise OutcomeError(Outcome("not run", explanation=explanation, hint="Mend the output first."))
    loss = partial(_loss, net, x, upstream, *way)
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
    end: numpy_model.Function,
    state: dict[str, Array],
) -> float:
    return float((end(net.output(x, state, norm_first=norm_first)) * upstream).sum())


def _at_sizes() -> Iterator[CheckAtSizes]:
    for widths in _WIDTHS:
        smaller = [sizes for sizes in _SMALLER if len(sizes) <= 1 + len(widths)]
        yield CheckAtSizes("mlp.forward", _forward, [_sizes(9, widths), _sizes(1, widths)], smaller)


no_hidden, one_hidden, two_hidden = _at_sizes()
gradients = CheckAtSizes("mlp.gradients", _gradients, [_sizes(8, widths) for widths in _WIDTHS], _SMALLER)
