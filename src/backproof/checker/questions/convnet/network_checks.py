"""Check question 4's ConvNet: its output for images must be that of Table 1."""

from functools import cache

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Assign, Call, Runner, SubmissionError, Tensor, need_all
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import Comparison
from backproof.checker.diagnosis import Mistake
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError, wrong, wrong_value
from backproof.checker.questions import torch_objects
from backproof.checker.questions.convnet import architectures
from backproof.checker.questions.convnet.mistakes import WRONG_POOLING
from backproof.checker.questions.convnet.registered_parameters import (
    RegisteredParameters,
    make_convnet,
    read_parameters,
    state_of,
)

_SIZES = ((3, 10), (1, 7))
"""Numbers of channels and classes."""
_BATCHES = 8
"""So many training batches take the running statistics most of the way from their start."""
_OTHER = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "is not what Table 1 makes of the network's own parameters; no known mistake gives it",
    "Print the shape after every layer, and compare order, kernel, stride and padding with Table 1.",
)
_RANDOM = Mistake(causes.NONDETERMINISM, "changes from call to call on the same images")
_NO_PADDING = (
    "images of 16 × 16 pixels, which Table 1 takes to one pixel before maxpool5, do not pass: that pooling "
    "does not take 3 × 3 pixels with padding 1."
)
_UNKNOWN = Outcome(
    "not run",
    explanation="in training the output changes from call to call, so what it comes of cannot be told.",
    hint="Mend the output in training first.",
)
_STATISTICS = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "comes of the batch's own statistics, though running statistics are kept",
    "Look at what happens after net.eval(), and at the argument training of torch's batch norm.",
)


def _images(rng: np.random.Generator, *shape: int) -> Array:
    """Draw images with structure: neighbouring pixels are alike, and each image has its own colour."""
    noise = rng.normal(size=shape)
    neighbours = noise + np.roll(noise, 1, axis=2) + np.roll(noise, 1, axis=3)
    images: Array = (0.7 * neighbours + rng.normal(size=(*shape[:2], 1, 1))).astype(np.float32)
    return images


def shape(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that (B, n_channels, 32, 32) becomes (B, n_classes), in evaluation for one image, too."""
    for n_channels, n_classes in _SIZES:
        make_convnet(runner, n_channels, n_classes)
        for batch, mode in ((2, "train"), (1, "eval")):
            x = _images(rng, batch, n_channels, 32, 32)
            runner.run([Call("_", f"net.{mode}")])
            torch_objects.output(runner, "net.forward", (Tensor(x),), (batch, n_classes))
    return RIGHT


def _output(runner: Runner, images: Array, mode: str | None = None) -> Array:
    """Return net's output, floats (B, classes) (SubmissionError, OutcomeError)."""
    got = torch_objects.call_forward(runner, "net", images, mode).astype(np.float32)
    torch_objects.check_shape(got, (len(images), 10), images)
    if not np.isfinite(got).all():
        shapes = {"x": list(images.shape)}
        evidence = Evidence(parameter="the output", expected="numbers", got="infinity or nan", shapes=shapes)
        raise OutcomeError(wrong(causes.WRONG_FORWARD_VALUE, "the output is not finite.", evidence))
    return got


def layers(runner: Runner, _: np.random.Generator) -> Outcome:
    """Check that all layers have Table 1's parameters, for whatever channels and classes."""
    for n_channels, n_classes in _SIZES:
        make_convnet(runner, n_channels, n_classes)
        net = read_parameters(runner, n_channels, n_classes)
        if net.problem is not None:
            return net.problem
        for norm in net.bare_norms:
            explanation = f"{norm} keeps running statistics, but has no γ and β to be trained."
            return wrong(
                causes.PARAMETERS_NOT_REGISTERED, explanation, Evidence(parameter=norm, expected="γ and β")
            )
    return RIGHT


def _by_table_1(net: RegisteredParameters, images: Array) -> Array:
    """Return what Table 1 makes of the network's parameters, not a number if its sizes do not fit."""
    from backproof.checker.questions.convnet import run_architecture

    ran = run_architecture.run_architecture(architectures.table_1(), net.parameters(), images)
    return np.full((len(images), 10), np.nan) if ran is None else ran.output


def _made(runner: Runner, rng: np.random.Generator) -> RegisteredParameters:
    """Make net, and draw the linear layer's weights: with zeros, any image would give the right output."""
    make_convnet(runner)
    net = read_parameters(runner)
    old = net.state[net.linear]
    net.state[net.linear] = (rng.uniform(-1, 1, size=old.shape) / np.sqrt(old.shape[1])).astype(old.dtype)
    for name in torch_objects.name_parameters(runner, "net", {net.linear: old}).values():
        need_all(runner.run([Assign(name, net.state[net.linear])]))
    return net


def training(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that in training the output is what Table 1 makes of the images."""
    from backproof.checker.questions.convnet import find_architecture

    net, images = _made(runner, rng), _images(rng, 2, 3, 32, 32)
    given = net.parameters()
    try:
        got = _output(runner, images, "train")
    except SubmissionError:
        explained = _explain_crash(runner, rng, net)
        if explained is None:
            raise
        return explained
    if find_architecture.find_table_1(given, images, got) is not None:
        return net.problem or _on_smaller(runner, rng, net)
    comparison = Comparison("the output in training mode", got, _by_table_1(net, images), {"x": images})
    if not find_architecture.is_same_output(got, _output(runner, images)):
        return wrong_value(_RANDOM, comparison)
    mistake = next((mistake for mistake, _ in find_architecture.find_mistakes(given, images, got)), None)
    return net.problem if mistake is None and net.problem else wrong_value(mistake or _OTHER, comparison)


def _on_smaller(runner: Runner, rng: np.random.Generator, net: RegisteredParameters) -> Outcome:
    """Look at images of 16 × 16 pixels, one of which reaches maxpool5: many a pooling fits 2 × 2 alike."""
    from backproof.checker.questions.convnet import find_architecture

    images, given = _images(rng, 8, 3, 16, 16), net.parameters()
    try:
        got = _output(runner, images)
    except SubmissionError as error:
        if "too small" not in error.failure.message:  # who takes 32 × 32 pixels alone may refuse others
            return RIGHT
        due = "3 × 3 pixels, stride 2, padding 1"
        pooling = Evidence(parameter="maxpool5", expected=due, got="no padding", shapes={"x": [8, 3, 16, 16]})
        return wrong(WRONG_POOLING, _NO_PADDING, pooling)
    if find_architecture.find_table_1(given, images, got) is not None:
        return RIGHT
    comparison = Comparison("the output for images of 16 × 16", got, _by_table_1(net, images), {"x": images})
    mistake = next((mistake for mistake, _ in find_architecture.find_mistakes(given, images, got)), _OTHER)
    return wrong_value(mistake, comparison)


def _explain_crash(runner: Runner, rng: np.random.Generator, net: RegisteredParameters) -> Outcome | None:
    """Find why 32 × 32 pixels do not pass, with images of other sizes."""
    from backproof.checker.questions.convnet import find_architecture

    @cache
    def images(size: int) -> Array:
        return _images(rng, 2, 3, size, size)

    def output(size: int) -> Array | str:
        try:
            return torch_objects.call_forward(runner, "net", images(size))
        except SubmissionError as error:
            return error.failure.message

    mistake = find_architecture.find_size_mistake(net.parameters(), images, output)
    if mistake is None:
        return None
    explanation = f"images of 32 × 32 pixels do not pass, which {mistake.what}."
    shapes = {"x": [2, 3, 32, 32]}
    evidence = Evidence(parameter="the output", expected="scores", got="an exception", shapes=shapes)
    return wrong(mistake.cause, explanation, evidence, mistake.hint)


def evaluation(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check the output in evaluation: with the running statistics, if there are any."""
    from backproof.checker.questions.convnet import find_architecture

    _made(runner, rng)
    images, others = _images(rng, 4, 3, 32, 32), _images(rng, 2, 3, 32, 32)
    *_, before, trained = (_output(runner, images, "train") for _ in range(_BATCHES))
    if not find_architecture.is_same_output(before, trained):
        return _UNKNOWN
    net = read_parameters(runner)
    given, got = net.parameters(), _output(runner, others, "eval")
    match = find_architecture.find_table_1(given, images, trained)
    expected = match.evaluated(others) if match else None
    if expected is not None and find_architecture.is_same_output(expected, got):
        return net.problem or RIGHT
    truth = _by_table_1(net, others) if expected is None else expected
    comparison = Comparison("the output in evaluation mode", got, truth, {"x": others})
    if match:
        batches_own = find_architecture.find_table_1(given, others, got) is not None
        return wrong_value(_STATISTICS if batches_own else _OTHER, comparison)
    for mistake, departs in find_architecture.find_mistakes(given, images, trained):
        expected = departs.evaluated(others)
        if expected is not None and find_architecture.is_same_output(expected, got):
            return wrong_value(mistake, comparison)
    return net.problem or wrong_value(_OTHER, comparison)


def gradients(runner: Runner, rng: np.random.Generator) -> Outcome:
    """Check that a gradient arrives at every parameter."""
    make_convnet(runner)
    names = torch_objects.name_parameters(runner, "net", state_of(runner))
    if not names:
        evidence = Evidence(parameter="net.parameters()", expected="weights and biases", got="none")
        return wrong(causes.PARAMETERS_NOT_REGISTERED, "the network has registered no parameters.", evidence)
    images, upstream = _images(rng, 2, 3, 32, 32), rng.normal(size=(2, 10)).astype(np.float32)
    gradients = torch_objects.get_gradients(runner, "net.forward", (Tensor(images),), upstream, names)
    for name, gradient in gradients.items():
        if gradient.ndim > 1 and not gradient.any():
            evidence = Evidence(parameter=f"gradient of {name}", expected="other than zero", got=0.0)
            return wrong(causes.NO_GRADIENT_ARRIVES, f"the gradient of {name} is zero everywhere.", evidence)
    return RIGHT
