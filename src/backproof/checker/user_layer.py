"""Check a user's layer class in the sandbox."""

import ast
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from backproof.checker.calls import Call, Failure, Fetch, Ref, Runner, SubmissionError
from backproof.checker.check_report import Evidence
from backproof.checker.layer_example import (
    EXAMPLE_HELP,
    GUESSES,
    MAX_NUMBERS,
    Guess,
    LayerExample,
    named_gradients,
    read_example,
)
from backproof.checker.outcome import RIGHT, Outcome, OutcomeError
from backproof.checker.questions import CAUSES
from backproof.checker.questions.numpy_mlp.no_loop import FEW, MANY, no_loop
from backproof.checker.questions.numpy_mlp.random_layers import RandomLayer
from backproof.checker.remote_layer import RemoteLayer
from backproof.errors import ConfigError
from backproof.gradcheck import CauseName, LayerFinding, LayerReport, check_layer
from backproof.gradcheck.named_parameters import named_parameters
from backproof.gradcheck.streams import generator

_BATCH, _INPUTS, _OUTPUTS = 5, 4, 3
_SMALLER = (
    (1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (2, 2, 1), (2, 1, 2), (1, 2, 2), (2, 2, 2), (3, 3, 3),
)  # fmt: skip
"""Sizes to try for the smallest case: batch, inputs, outputs."""


@dataclass(frozen=True)
class UserLayer:
    """A user's layer class in the sandbox."""

    runner: Runner
    file: Path
    module: str
    name: str
    seed: int

    @property
    def target(self) -> str:
        """The class, as requests name it."""
        return f"{self.module}.{self.name}"

    def must_exist(self) -> None:
        """Raise ConfigError where there is no such class, or where it is PyTorch's; SubmissionError where the
        file cannot be imported, or the class lacks a pass.
        """
        failure = self.runner.run([Fetch(self.target)])[0].failure
        if failure is not None and failure.kind not in ("missing", "refused"):
            raise SubmissionError(failure)
        bases = self.runner.run([Call("_bases", "builtins.repr", (Ref(f"{self.target}.__mro__"),))])[0]
        if bases.failure is not None:
            tree = ast.parse(self.file.read_bytes())
            names = [statement.name for statement in tree.body if isinstance(statement, ast.ClassDef)]
            there = f"it has {', '.join(names)}" if names else "it has none"
            raise ConfigError(f"{self.file} has no class {self.name}; {there}")
        if "'torch." in str(bases.value):
            raise ConfigError(
                f"{self.name} is a PyTorch class: a layer here computes with NumPy, by forward(x) and "
                "backward(dout); for an autograd.Function there is torch.autograd.gradcheck"
            )
        for method in ("forward", "backward"):
            failure = self.runner.run([Fetch(f"{self.target}.{method}")])[0].failure
            if failure is not None and failure.kind == "missing":
                raise SubmissionError(Failure("missing", f"{self.name} has no {method}"))

    def outcomes(self) -> dict[str, Outcome]:
        """Return the outcomes by what they are about: a gradient, or a cause."""
        example = read_example(self.runner, self.module, self.name, self._rng("example"))
        guess = None if example else self._guess()
        if guess is not None:
            example = guess(self._rng("example"), _BATCH, _INPUTS, _OUTPUTS)
        assert example is not None
        report = self._report(example)
        shown = {} if guess is None else self._smallest(guess, report)
        outcomes = dict.fromkeys(report.checked, RIGHT)
        for finding in report.findings:
            if finding.is_wrong:
                is_gradient = finding.parameter.partition("[")[0] in ("dx", *self.gradients.values())
                name = finding.parameter if is_gradient else finding.cause
                outcomes[name] = self._outcome(*shown.get(finding.kind, (finding, example)))
        notes = [finding.message for finding in report.findings if not finding.is_wrong]
        if not any(named_parameters(self._layer(example), self.gradients)):
            notes.append(f"only dx was checked, as {self.name} has no {' or '.join(self.gradients)}")
        if report.ok:
            try:
                few, many = (self._drawn(example, samples) for samples in (FEW, MANY))
            except SubmissionError as error:  # a layer may refuse another batch
                notes.append(f"cost not measured: {error.failure.message}")
            else:
                outcomes["cost"] = self._cost(few, many)
        for name in [*report.checked][:1]:
            outcomes[name] = replace(outcomes[name], note="; ".join(notes))
        return outcomes

    @cached_property
    def gradients(self) -> Mapping[str, str]:
        """Which attributes hold parameters, and which their gradients."""
        return named_gradients(self.runner, self.target)

    def _rng(self, purpose: str) -> np.random.Generator:
        return generator(self.seed, "check module", purpose)

    def _layer(self, example: LayerExample) -> RemoteLayer:
        layer = RemoteLayer.construct(
            self.runner, self.target, example.arguments, self.gradients, self._rng("parameters")
        )
        count = sum(parameter.value(layer).size for parameter in named_parameters(layer, self.gradients))
        if count > MAX_NUMBERS:
            raise ConfigError(f"{self.name} has {count:,} parameters, too many to move each: {EXAMPLE_HELP}")
        return layer

    def _report(self, example: LayerExample) -> LayerReport:
        layer = self._layer(example)
        return check_layer(layer, example.x, example.targets, gradients=self.gradients, seed=self.seed)

    def _guess(self) -> Guess:
        """Find a guess by which the layer can be made and takes an input."""
        not_made, failures = [], []
        for guess in GUESSES:
            example = guess(self._rng("example"), _BATCH, _INPUTS, _OUTPUTS)
            try:
                layer = self._layer(example)
            except SubmissionError as error:
                not_made.append(error.failure)
                continue
            try:
                layer.forward(*example.inputs)
            except SubmissionError as error:
                failures.append(error.failure)
            else:
                return guess
        if not failures:
            raise ConfigError(
                f"{self.name} cannot be made by guessing ({not_made[-1].message}); {EXAMPLE_HELP}"
            )
        own = next(
            (failure for failure in failures if failure.where), failures[0]
        )  # not our way of calling it
        if own.kind == "crashed":
            own = Failure(own.kind, f"{own.message}; if it takes another x, {EXAMPLE_HELP}", own.where)
        raise SubmissionError(own)

    def _smallest(
        self, guess: Guess, report: LayerReport
    ) -> dict[tuple[CauseName, str], tuple[LayerFinding, LayerExample]]:
        """Look for what is wrong in smaller layers and batches; return the smallest that show each."""
        sought = {finding.kind for finding in report.findings if finding.is_wrong}
        shown: dict[tuple[CauseName, str], tuple[LayerFinding, LayerExample]] = {}
        for sizes in _SMALLER:
            if sought <= shown.keys():
                break
            example = guess(self._rng("example"), *sizes)
            with contextlib.suppress(SubmissionError):  # a layer may refuse these sizes
                for finding in self._report(example).findings:
                    if finding.kind in sought:
                        shown.setdefault(finding.kind, (finding, example))
        return shown

    def _cost(self, few: RandomLayer, many: RandomLayer) -> Outcome:
        """Look for a loop over samples."""
        try:
            no_loop(self.runner, "samples", few, many)
        except OutcomeError as error:
            return error.outcome
        return RIGHT

    def _drawn(self, example: LayerExample, samples: int) -> RandomLayer:
        """Go forward and backward with so many samples, and return how; SubmissionError where that fails."""
        layer, inputs = self._layer(example), example.with_samples(samples).inputs
        y = layer.forward(*inputs)
        backward = (y,) if example.targets is None else inputs
        layer.backward(*backward)
        return RandomLayer(self.name, self.target, example.arguments, inputs, backward)

    def _outcome(self, finding: LayerFinding, example: LayerExample) -> Outcome:
        call = f"{self.name}({', '.join(map(repr, example.arguments))})"
        evidence = Evidence(
            parameter=finding.parameter,
            index=list(finding.index or ()),
            expected=finding.expected,
            got=finding.got if finding.got is None or np.isfinite(finding.got) else str(finding.got),
            shapes={"x": list(finding.shape)},
        )
        cause = None if finding.cause is CauseName.NOTHING_CHECKED else CAUSES[finding.cause]
        return Outcome(
            "wrong",
            cause=cause.name if cause else "",
            explanation=f"{finding.message}. Smallest case: {call}.",
            hint=cause.hint if cause else "",
            evidence=evidence,
        )
