"""Call a submission's batch norms, in whichever of the course's ways they are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from backproof.checker.calls import (
    Array,
    Assign,
    Call,
    Ref,
    Runner,
    SubmissionError,
    Tensor,
    need_all,
    need_array,
)
from backproof.checker.outcome import DecidedError, wrong
from backproof.checker.questions import torch_objects as remote
from backproof.checker.questions.batchnorm.formulas import BatchNorm
from backproof.checker.result import Evidence
from backproof.gradcheck.streams import generator

AUTOGRAD, MODULE = "CustomBatchNormAutograd", "CustomBatchNormManualModule"
FUNCTION = "CustomBatchNormManualFunction"
_FILE = "custom_batchnorm"
_TARGET = f"{_FILE}.{FUNCTION}"
On = Literal["the class", "an instance made for C neurons", "an instance"]
DEFAULT_EPS, LARGE_EPS = 1e-5, 0.5


def draw(rng: np.random.Generator, shape: tuple[int, int], eps: float) -> BatchNorm:
    """Draw a case whose variance is of ε's size, so that ε shows; the means lie on both sides of zero."""
    scale, n = np.sqrt(eps), shape[1]
    sides = np.where(np.arange(n) % 2, -1, 1) * rng.choice([-1.0, 1.0])
    x = scale * (rng.normal(size=shape) + sides * rng.uniform(1, 3, size=n))
    gamma, beta = rng.uniform(0.5, 2, size=n) * rng.choice([-1, 1], size=n), rng.normal(size=n)
    return BatchNorm(x, gamma, beta, eps, rng.normal(size=shape))


@dataclass(frozen=True)
class Way:
    """How CustomBatchNormManualFunction is called."""

    on: On
    takes_eps: bool

    @property
    def eps(self) -> float:
        """The most telling ε that it takes."""
        return LARGE_EPS if self.takes_eps else DEFAULT_EPS

    def target(self, runner: Runner, n_neurons: int) -> str:
        """Return what to call (SubmissionError)."""
        if self.on == "the class":
            return f"{_TARGET}.apply"
        remote.make(runner, "function", _TARGET, () if self.on == "an instance" else (n_neurons,))
        return "function.apply"

    def inputs(self, bn: BatchNorm, dtype: type[np.floating[Any]] = np.float64) -> tuple[Any, ...]:
        """Return what it takes."""
        tensors = (Tensor(each.astype(dtype)) for each in (bn.x, bn.gamma, bn.beta))
        return (*tensors, *((bn.eps,) if self.takes_eps else ()))

    def gradients(
        self,
        runner: Runner,
        bn: BatchNorm,
        needed: Sequence[str],
        wanted: Sequence[str],
        between: BatchNorm | None = None,
    ) -> dict[str, Array]:
        """Return the wanted of the gradients that inputs need (SubmissionError, DecidedError).

        ``between``: another call before the way back.
        """
        arguments = self.leaves(runner, bn, needed)
        names = {name: f"bn_{name}" for name in wanted}
        target = self.target(runner, len(bn.gamma))
        other = [] if between is None else [Call("other", target, self.inputs(between))]
        return remote.gradients(runner, target, arguments, bn.dy, names, other)

    def returned(self, runner: Runner, bn: BatchNorm, needed: Sequence[str]) -> list[bool]:
        """Tell which gradients backward itself returns, not None; [] if it cannot be called by hand."""
        arguments = self.leaves(runner, bn, needed)
        forward = Call("y", self.target(runner, len(bn.gamma)), arguments)
        back = Call("_", f"{_TARGET}.backward", (Ref("y.grad_fn"), Tensor(bn.dy)))
        value = runner.run([forward, back])[-1].value
        return [each is not None for each in value] if isinstance(value, list | tuple) else []

    def leaves(self, runner: Runner, bn: BatchNorm, needed: Sequence[str]) -> tuple[Any, ...]:
        """Make the inputs that need gradients, and return all that the function takes."""
        values = {"x": bn.x, "gamma": bn.gamma, "beta": bn.beta}
        runner.run([remote.leaf(f"bn_{name}", values[name]) for name in needed])
        given = (Ref(f"bn_{name}") if name in needed else Tensor(each) for name, each in values.items())
        return (*given, *((bn.eps,) if self.takes_eps else ()))


_ON: tuple[On, ...] = ("the class", "an instance made for C neurons", "an instance")
_WAYS = [Way(on, takes_eps) for on in _ON for takes_eps in (True, False)]


def find_way(runner: Runner) -> Way:
    """Return the first way of calling the function that works (SubmissionError)."""
    rng = generator(0, "find_way")
    failure: SubmissionError | None = None
    for way in _WAYS:
        try:
            bn = draw(rng, (4, 3), way.eps)
            need_array(runner.run([Call("y", way.target(runner, 3), way.inputs(bn))])[0])
        except SubmissionError as error:
            if failure is None or (
                way == Way("the class", takes_eps=False) and failure.failure.is_about_arguments
            ):
                failure = error
        else:
            return way
    assert failure is not None
    raise failure


@dataclass(frozen=True)
class Module:
    """A batch norm module in the child, called bn."""

    eps: float
    gamma: str
    beta: str
    """What the parameters are called in the child."""
    values: tuple[Array, Array]
    """γ and β at first."""

    def load(self, runner: Runner, bn: BatchNorm) -> None:
        """Write γ and β (SubmissionError)."""
        pairs = zip((self.gamma, self.beta), (bn.gamma, bn.beta), self.values, strict=True)
        need_all(
            runner.run([Assign(name, new.reshape(old.shape).astype(old.dtype)) for name, new, old in pairs])
        )

    def cast(self, array: Array) -> Array:
        """Return an array in the parameters' dtype."""
        return array.astype(self.values[0].dtype)

    def gradients(self, runner: Runner, bn: BatchNorm) -> dict[str, Array]:
        """Return the gradients of x, γ and β (SubmissionError, DecidedError)."""
        need_all(runner.run([Call("_", "bn.zero_grad"), remote.leaf("bn_x", self.cast(bn.x))]))
        wanted = {"x": "bn_x", "gamma": self.gamma, "beta": self.beta}
        return remote.gradients(runner, "bn.forward", (Ref("bn_x"),), self.cast(bn.dy), wanted)


def make_module(runner: Runner, kind: str, n_neurons: int, *, large_eps: bool = True) -> Module:
    """Make a module of that class, of a large ε or of its default, and find its γ and β.

    Raises SubmissionError, and DecidedError if it has no γ and β.
    """
    ways = [(n_neurons, LARGE_EPS), (n_neurons,)] if large_eps else [(n_neurons,)]
    way = remote.make(runner, "bn", f"{_FILE}.{kind}", *ways)
    names = remote.name_parameters(runner, "bn", found := remote.state(runner, "bn"))
    named = {key: found[key] for key in names}
    if len(named) != 2 or any(each.size != n_neurons for each in named.values()):
        shapes = ", ".join(f"{key} {each.shape}" for key, each in named.items()) or "none"
        said = f"γ and β must be two nn.Parameters of the module, one number a neuron each; found: {shapes}."
        shown = Evidence(parameter="γ and β", expected=f"2 × ({n_neurons},)", got=shapes)
        cause = "wrong shape" if len(named) == 2 else "parameters not registered"
        raise DecidedError(wrong(cause, said, shown))
    gamma, beta = sorted(named, key=lambda key: remote.like_beta(key, named[key]))
    return Module(
        eps=LARGE_EPS if large_eps and way == 0 else DEFAULT_EPS,
        gamma=names[gamma],
        beta=names[beta],
        values=(named[gamma], named[beta]),
    )
