"""Call a submission's batch norms, in any of the styles that the course's editions allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import Assign, Call, Ref, Runner, SubmissionError, Tensor, need_all, need_array
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import OutcomeError, wrong
from backproof.checker.questions import torch_objects
from backproof.checker.questions.batchnorm.formulas import BatchNormCase
from backproof.gradcheck.streams import generator

AUTOGRAD, MODULE = "CustomBatchNormAutograd", "CustomBatchNormManualModule"
FUNCTION = "CustomBatchNormManualFunction"
_FILE = "custom_batchnorm"
_TARGET = f"{_FILE}.{FUNCTION}"
CalledOn = Literal["the class", "an instance made for C neurons", "an instance"]
DEFAULT_EPS, LARGE_EPS = 1e-5, 0.5


def draw(rng: np.random.Generator, shape: tuple[int, int], eps: float) -> BatchNormCase:
    """Draw a case whose variance is of ε's size, so that ε shows; the means lie on both sides of zero."""
    scale, n = np.sqrt(eps), shape[1]
    sides = np.where(np.arange(n) % 2, -1, 1) * rng.choice([-1.0, 1.0])
    x = scale * (rng.normal(size=shape) + sides * rng.uniform(1, 3, size=n))
    gamma, beta = rng.uniform(0.5, 2, size=n) * rng.choice([-1, 1], size=n), rng.normal(size=n)
    return BatchNormCase(x, gamma, beta, eps, rng.normal(size=shape))


@dataclass(frozen=True)
class CallStyle:
    """How CustomBatchNormManualFunction is called."""

    on: CalledOn
    takes_eps: bool

    @property
    def eps(self) -> float:
        """The largest ε that it takes, whose effect shows most."""
        return LARGE_EPS if self.takes_eps else DEFAULT_EPS

    def target(self, runner: Runner, n_neurons: int) -> str:
        """Return what to call (SubmissionError)."""
        if self.on == "the class":
            return f"{_TARGET}.apply"
        torch_objects.make_object(
            runner, "function", _TARGET, () if self.on == "an instance" else (n_neurons,)
        )
        return "function.apply"

    def inputs(self, bn: BatchNormCase, dtype: type[np.floating[Any]] = np.float64) -> tuple[Any, ...]:
        """Return what it takes."""
        tensors = (Tensor(array.astype(dtype)) for array in (bn.x, bn.gamma, bn.beta))
        return (*tensors, *((bn.eps,) if self.takes_eps else ()))

    def gradients(
        self,
        runner: Runner,
        bn: BatchNormCase,
        needed: Sequence[str],
        wanted: Sequence[str],
        between: BatchNormCase | None = None,
    ) -> dict[str, Array]:
        """Return the wanted of the gradients that inputs need (SubmissionError, OutcomeError).

        ``between``: another call before the backward pass.
        """
        arguments = self.leaves(runner, bn, needed)
        names = {name: f"bn_{name}" for name in wanted}
        target = self.target(runner, len(bn.gamma))
        other = [] if between is None else [Call("other", target, self.inputs(between))]
        return torch_objects.get_gradients(runner, target, arguments, bn.dy, names, other)

    def returned(self, runner: Runner, bn: BatchNormCase, needed: Sequence[str]) -> list[bool]:
        """Tell which gradients backward itself returns, not None; [] if it cannot be called by hand."""
        arguments = self.leaves(runner, bn, needed)
        forward = Call("y", self.target(runner, len(bn.gamma)), arguments)
        back = Call("_", f"{_TARGET}.backward", (Ref("y.grad_fn"), Tensor(bn.dy)))
        value = runner.run([forward, back])[-1].value
        return [gradient is not None for gradient in value] if isinstance(value, list | tuple) else []

    def leaves(self, runner: Runner, bn: BatchNormCase, needed: Sequence[str]) -> tuple[Any, ...]:
        """Make the inputs that need gradients, and return all that the function takes."""
        values = {"x": bn.x, "gamma": bn.gamma, "beta": bn.beta}
        runner.run([torch_objects.leaf(f"bn_{name}", values[name]) for name in needed])
        given = (Ref(f"bn_{name}") if name in needed else Tensor(value) for name, value in values.items())
        return (*given, *((bn.eps,) if self.takes_eps else ()))


_CALLED_ON: tuple[CalledOn, ...] = ("the class", "an instance made for C neurons", "an instance")
_CALL_STYLES = [CallStyle(on, takes_eps) for on in _CALLED_ON for takes_eps in (True, False)]


def find_call_style(runner: Runner) -> CallStyle:
    """Return the first way of calling the function that works (SubmissionError)."""
    rng = generator(0, "find_way")
    failure: SubmissionError | None = None
    for style in _CALL_STYLES:
        try:
            bn = draw(rng, (4, 3), style.eps)
            need_array(runner.run([Call("y", style.target(runner, 3), style.inputs(bn))])[0])
        except SubmissionError as error:
            if failure is None or (
                style == CallStyle("the class", takes_eps=False) and failure.failure.is_about_arguments
            ):
                failure = error
        else:
            return style
    assert failure is not None
    raise failure


@dataclass(frozen=True)
class BatchNormModule:
    """A batch norm module in the child, called bn."""

    eps: float
    gamma: str
    beta: str
    """What the parameters are called in the child."""
    values: tuple[Array, Array]
    """γ and β at first."""

    def load(self, runner: Runner, bn: BatchNormCase) -> None:
        """Write γ and β (SubmissionError)."""
        pairs = zip((self.gamma, self.beta), (bn.gamma, bn.beta), self.values, strict=True)
        need_all(
            runner.run([Assign(name, new.reshape(old.shape).astype(old.dtype)) for name, new, old in pairs])
        )

    def cast(self, array: Array) -> Array:
        """Return an array in the parameters' dtype."""
        return array.astype(self.values[0].dtype)

    def gradients(self, runner: Runner, bn: BatchNormCase) -> dict[str, Array]:
        """Return the gradients of x, γ and β (SubmissionError, OutcomeError)."""
        need_all(runner.run([Call("_", "bn.zero_grad"), torch_objects.leaf("bn_x", self.cast(bn.x))]))
        wanted = {"x": "bn_x", "gamma": self.gamma, "beta": self.beta}
        return torch_objects.get_gradients(runner, "bn.forward", (Ref("bn_x"),), self.cast(bn.dy), wanted)


def make_module(runner: Runner, kind: str, n_neurons: int, *, large_eps: bool = True) -> BatchNormModule:
    """Make a module of that class, of a large ε or of its default, and find its γ and β.

    Raises SubmissionError, and OutcomeError if it has no γ and β.
    """
    alternatives = [(n_neurons, LARGE_EPS), (n_neurons,)] if large_eps else [(n_neurons,)]
    accepted = torch_objects.make_object(runner, "bn", f"{_FILE}.{kind}", *alternatives)
    names = torch_objects.name_parameters(runner, "bn", state := torch_objects.get_state(runner, "bn"))
    named = {key: state[key] for key in names}
    if len(named) != 2 or any(value.size != n_neurons for value in named.values()):
        shapes = ", ".join(f"{key} {value.shape}" for key, value in named.items()) or "none"
        said = f"γ and β must be two nn.Parameters of the module, one number a neuron each; found: {shapes}."
        shown = Evidence(parameter="γ and β", expected=f"2 × ({n_neurons},)", got=shapes)
        cause = causes.WRONG_SHAPE if len(named) == 2 else causes.PARAMETERS_NOT_REGISTERED
        raise OutcomeError(wrong(cause, said, shown))
    gamma, beta = sorted(named, key=lambda key: torch_objects.gamma_beta_order(key, named[key]))
    return BatchNormModule(
        eps=LARGE_EPS if large_eps and accepted == 0 else DEFAULT_EPS,
        gamma=names[gamma],
        beta=names[beta],
        values=(named[gamma], named[beta]),
    )
