"""An MLP of the submission with random weights, and the exact values of its passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Answer, Assign, Call, Fetch, Request, Runner, need_all, need_array
from backproof.checker.check_report import Evidence
from backproof.checker.comparison import tolerance
from backproof.checker.outcome import Outcome, OutcomeError, wrong
from backproof.checker.questions.numpy_mlp.find_linear import find_linear
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.numpy_mlp.layer_checks import must_keep
from backproof.checker.questions.numpy_mlp.parameters import fits

_SLACK = 10
"""Errors of single layers add up."""


@dataclass(frozen=True)
class NumpyNetwork:
    """An MLP in the child, and its parameters."""

    name: str
    paths: Sequence[str]
    """Of its linear layers, from the first on."""
    weights: Sequence[Array]
    """Each (out, in)."""
    biases: Sequence[Array]
    bias_shapes: Sequence[tuple[int, ...]]
    transposed: Sequence[bool]
    slope: float
    allowed: float
    """The relative error that its parameters' dtype allows for."""

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Slope and parameters, by name."""
        numbered = enumerate(zip(self.weights, self.biases, strict=True), 1)
        named = {
            f"{letter}{i}": array for i, pair in numbered for letter, array in zip("Wb", pair, strict=True)
        }
        return {"a": np.array(self.slope), **named}

    def fetches(self) -> list[Request]:
        """Ask for all gradients."""
        return [Fetch(f"{path}.grads['{name}']") for path in self.paths for name in ("weight", "bias")]

    def gradients(self, answers: Sequence[Answer]) -> list[tuple[Array, Array]]:
        """Read the answers to ``fetches`` as gradients of weights (out, in) and biases (out,)."""
        flat = [need_array(answer) for answer in need_all(answers)]
        pairs = zip(flat[::2], flat[1::2], self.transposed, self.bias_shapes, strict=True)
        return [
            (dw.T if t else dw, db.reshape(-1) if fits(db.shape, shape) else db) for dw, db, t, shape in pairs
        ]

    def may_differ(self, *got: Array) -> float:
        """Return the relative error allowed for what it computed."""
        return _SLACK * max(self.allowed, tolerance(*got))


def make_network(
    runner: Runner, rng: np.random.Generator, widths: Sequence[int], name: str = "mlp"
) -> NumpyNetwork:
    """Make an MLP of widths that all differ, so that each of its layers is known by its shape.

    Raises SubmissionError, and OutcomeError where a layer is not to be found.
    """
    slope = float(rng.uniform(0.05, 0.6))
    arguments = (widths[0], list(widths[1:-1]), widths[-1])
    answers = runner.run([Call(name, "mlp_numpy.MLP", (*arguments, slope))])
    failure = answers[0].failure
    if failure is not None and failure.is_about_arguments:
        older = runner.run([Call(name, "mlp_numpy.MLP", arguments)])
        if older[0].failure is None:
            answers, slope = older, 0.0
    need_all(answers)
    layers = find_linear(runner, name)
    if not layers:
        explanation = (
            f"no linear layer was found in the MLP of {arguments}: nothing in it has params['weight']"
        )
        hint = "Keep the layers in attributes of the MLP, or in lists and dicts there."
        raise OutcomeError(Outcome("not run", explanation=explanation, hint=hint))
    paths, turned = [], []
    for n_in, n_out in pairwise(widths):
        path = next((path for path, shape in layers.items() if shape in ((n_out, n_in), (n_in, n_out))), None)
        if path is None:
            present = ", ".join(map(str, layers.values()))
            explanation = (
                f"no linear layer of weight shape {(n_out, n_in)} in the MLP of {arguments}: {present}."
            )
            evidence = Evidence(parameter="weights", expected=str((n_out, n_in)), got=present)
            raise OutcomeError(wrong(causes.WRONG_WIDTH, explanation, evidence))
        paths.append(path)
        turned.append(layers[path] == (n_in, n_out))
    parameter_paths = [f"{path}.params['{key}']" for path in paths for key in ("weight", "bias")]
    fetches = [Fetch(target) for target in parameter_paths]
    shapes = [need_array(answer).shape for answer in need_all(runner.run(fetches))]
    for (n_in, n_out), shape in zip(pairwise(widths), shapes[1::2], strict=True):
        if prod(shape) != n_out:
            explanation = f"params['bias'] has shape {shape} in a layer of {n_in} inputs and {n_out} outputs."
            evidence = Evidence(
                parameter="params['bias']", expected=f"shape {(n_out,)}", got=f"shape {shape}"
            )
            raise OutcomeError(wrong(causes.WRONG_SHAPE, explanation, evidence))
    scales = np.repeat(1 / np.sqrt(widths[:-1]), 2)
    drawn = [np.asarray(scale * rng.normal(size=shape)) for scale, shape in zip(scales, shapes, strict=True)]
    writes = [Assign(path, value) for path, value in zip(parameter_paths, drawn, strict=True)]
    answers = need_all(runner.run([*writes, *fetches]))[len(writes) :]
    values = [must_keep(value, answer) for value, answer in zip(drawn, answers, strict=True)]
    weights = [np.asarray(w.T if t else w, np.float64) for w, t in zip(values[::2], turned, strict=True)]
    biases = [np.asarray(b, np.float64).reshape(-1) for b in values[1::2]]
    return NumpyNetwork(name, paths, weights, biases, shapes[1::2], turned, slope, tolerance(*values))


@dataclass(frozen=True)
class Variant:
    """A network's passes with one thing done in another way; as it stands, none is."""

    up: float = 1.0
    """Slope of the activation's forward pass for positive inputs."""
    down: float | None = None
    """The same for negative ones; None is the network's slope."""
    back_up: float = 1.0
    back_down: float | None = None
    last_activated: bool = False
    bias: bool = True
    softmax: str = "full"
    """Its backward pass: full, diagonal, product with the probabilities alone, skipped."""
    upstream: str = "used"
    bias_mean: bool = False
    """Gradients of the biases divided by B."""
    weights_mean: bool = False


RIGHT_WAY = Variant()


def exact_forward(
    network: NumpyNetwork, x: Array, v: Variant = RIGHT_WAY
) -> tuple[list[Array], list[Array], Array]:
    """Return inputs of the linear layers, their outputs, and the last of these (scores)."""
    down = network.slope if v.down is None else v.down
    inputs, outputs = [], []
    last = len(network.weights) - 1
    for i, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        inputs.append(x)
        z = x @ w.T + (b if v.bias else 0.0)
        outputs.append(z)
        active = i < last or v.last_activated
        x = v.up * np.maximum(z, 0) + down * np.minimum(z, 0) if active else z
    return inputs, outputs, x


def exact_backward(
    network: NumpyNetwork, x: Array, dout: Array, v: Variant = RIGHT_WAY
) -> list[tuple[Array, Array]]:
    """Return the gradients of weights and biases, layer by layer."""
    inputs, outputs, scores = exact_forward(network, x)
    p = softmax(scores)
    down = network.slope if v.back_down is None else v.back_down
    d = np.ones_like(dout) if v.upstream == "ignored" else dout
    inner = np.sum(d * p, axis=1, keepdims=True)
    d = {"full": p * (d - inner), "diagonal": p * (1 - p) * d, "product": p * d, "skipped": d}[v.softmax]
    gradients: list[tuple[Array, Array]] = []
    for i in reversed(range(len(network.weights))):
        if i < len(network.weights) - 1:
            d = d * np.where(outputs[i] > 0, v.back_up, down)
        dw, db = d.T @ inputs[i], d.sum(axis=0)
        gradients.insert(0, (dw / len(x) if v.weights_mean else dw, db / len(x) if v.bias_mean else db))
        d = d @ network.weights[i]
    return gradients
