"""Read what a ConvNet has registered, and compare its shapes with Table 1."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Runner
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import Outcome, OutcomeError, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.convnet import architectures
from backproof.checker.questions.convnet.mistakes import WRONG_ORDER

if TYPE_CHECKING:
    from backproof.checker.questions.convnet.run_architecture import ConvNetTensors


@dataclass(frozen=True)
class RegisteredParameters:
    """A network's parameters, in the order of registration."""

    state: dict[str, Array]
    convs: list[str]
    linear: str
    norms: dict[str, list[str]]
    problem: Outcome | None
    """A width that is wrong, where the network can be run nevertheless."""

    @property
    def bare_norms(self) -> list[str]:
        """The batch norms that lack γ or β, as far as their running statistics show that they are there."""
        return [prefix for prefix, (gamma, beta, *_) in self.norms.items() if not (gamma and beta)]

    def parameters(self) -> "ConvNetTensors":
        """Return them as tensors."""
        from backproof.checker.questions.convnet import run_architecture

        return run_architecture.as_tensors(self.state, self.convs, self.linear, self.norms)


def make_convnet(runner: Runner, n_channels: int = 3, n_classes: int = 10) -> None:
    """Make a ConvNet called net (SubmissionError)."""
    torch_objects.make_object(runner, "net", "convnet_pytorch.ConvNet", (n_channels, n_classes))


def state_of(runner: Runner, n_channels: int = 3) -> dict[str, Array]:
    """Return all that net has registered (SubmissionError)."""
    return torch_objects.get_state(runner, "net", np.zeros((2, n_channels, 32, 32), np.float32))


def read_parameters(runner: Runner, n_channels: int = 3, n_classes: int = 10) -> RegisteredParameters:
    """Read net's parameters (SubmissionError; OutcomeError if they are not those of Table 1)."""
    state = state_of(runner, n_channels)
    weights = [name for name, array in state.items() if array.ndim in (2, 4)]
    heads = [name for name in weights if state[name].ndim == 2 or state[name].shape[0] == n_classes]
    convs = [name for name in weights if name not in heads]
    first, *others = architectures.WIDTHS
    table = [(out, inner, 3, 3) for inner, out in ((n_channels, first[1]), *others)]
    shapes = [state[name].shape for name in convs]
    if len(convs) != len(table) or len(heads) != 1:
        layers = f"{len(convs)} convolutions and {len(heads)} linear layers"
        evidence = Evidence(
            parameter="net.parameters()", expected="8 convolutions and 1 linear layer", got=layers
        )
        raise OutcomeError(wrong(WRONG_ORDER, f"{layers} are registered; Table 1 has 8 and 1.", evidence))
    if sorted(shapes) != sorted(table):
        number = next(n for n, (due, is_) in enumerate(zip(table, shapes, strict=True)) if due != is_)
        raise OutcomeError(_width(architectures.CONVS[number], convs[number], table[number], shapes[number]))
    head, problem = state[heads[0]], None
    inputs = int(np.prod(head.shape[1:]))
    if head.shape[0] != n_classes or inputs != architectures.LINEAR_INPUTS:
        problem = _width("the linear layer", heads[0], (n_classes, architectures.LINEAR_INPUTS), head.shape)
        if head.shape[0] != n_classes or inputs % architectures.LINEAR_INPUTS:
            raise OutcomeError(problem)
    return RegisteredParameters(state, convs, heads[0], _norms(state, [*convs, *heads]), problem)


def _width(layer: str, name: str, due: tuple[int, ...], got: tuple[int, ...]) -> Outcome:
    evidence = Evidence(parameter=name, expected=f"shape {due}", got=f"shape {got}")
    return wrong(causes.WRONG_WIDTH, f"{layer} has weights of shape {got}; Table 1 has {due}.", evidence)


def _norms(state: dict[str, Array], weights: list[str]) -> dict[str, list[str]]:
    """Return each batch norm's γ, β, mean and variance by its prefix; empty names where it has none."""
    others = {name.rpartition(".")[0] for name in weights}
    norms: dict[str, list[str]] = {}
    for name, array in state.items():
        prefix, _, last = name.rpartition(".")
        if prefix in others or array.size < 2:
            continue
        names = norms.setdefault(prefix, ["", "", "", ""])
        if torch_objects.is_buffer(name):
            names[2 if last == "running_mean" else 3] = name
        else:
            names[1 if torch_objects.gamma_beta_order(name, array) > 0 else 0] = name
    return norms
