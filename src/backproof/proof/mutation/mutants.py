"""Break every sign, index and factor, one at a time: each time, a proof has to fail."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from backproof.gradcheck.derivatives import relative_error
from backproof.proof.code import judged
from backproof.proof.code.layers import Layers
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Formula
from backproof.proof.formula.index_form import evaluate
from backproof.proof.mutation import formula_mutants
from backproof.proof.mutation.code_mutants import code_mutants
from backproof.proof.mutation.mutation_report import Equivalent, Kind, Mutant, Report
from backproof.proof.prove import TOLERANCE, Truth, code_error, matrix_error, truths

__all__ = ["Equivalent", "Kind", "Mutant", "Report", "run"]

Truths = Mapping[str, Sequence[Truth]]
Error = Callable[[Truth], float]
_EQUIVALENT = {**formula_mutants.EQUIVALENT, **judged.EQUIVALENT}


def run(equations: Sequence[Equation] | None = None, tolerance: float = TOLERANCE) -> Report:
    """Break equations (default: all), and the modules that these judge, and see whether the proofs notice.

    A module is broken where all the equations that judge it (judged.py) are among them. A mutant is caught if
    its relative error is above the tolerance at any of the points, or if it cannot be computed.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the arrays are tiny
    try:
        chosen = {each.label: each for each in equations or EQUATIONS.values()}
        found = {label: _fixed_truths(each) for label, each in chosen.items()}
        return Report(
            (
                _kind("index form", _index_form(chosen, found, tolerance)),
                _kind("matrix form", _matrix_form(chosen, found, tolerance)),
                _kind("code", _code(found, tolerance)),
            ),
            tuple(name for name, labels in judged.JUDGED_BY.items() if not found.keys() >= set(labels)),
        )
    finally:
        torch.set_num_threads(n_threads)


def _kind(name: str, mutants: Iterator[Mutant]) -> Kind:
    counted, equivalents = [], []
    for mutant in mutants:
        reason = _EQUIVALENT.get((mutant.where, mutant.change))
        if reason is None or mutant.caught:
            counted.append(mutant)
        else:
            equivalents.append(Equivalent(mutant.where, mutant.change, reason))
    return Kind(name, tuple(counted), tuple(equivalents))


def _fixed_truths(equation: Equation) -> list[Truth]:
    """Find what is true at each point, and fix the point: a mutant may try to write into it."""
    found = truths(equation)
    for truth in found:
        # What is asked for here adds its derivatives to the sample.
        equation.values(truth.sample)
        equation.matrix_value(truth.sample)
        code_error(equation.label, Layers(), truth)
        for array in truth.sample.arrays.values():
            array.setflags(write=False)
    return found


def _index_form(equations: Mapping[str, Equation], found: Truths, tolerance: float) -> Iterator[Mutant]:
    for label, equation in equations.items():
        left, sample = equation.indices, found[label][0].sample
        for number, step in enumerate(equation.steps, 1):
            for change, mutant in formula_mutants.formula_mutants(step, left, sample):
                errors = _errors(_index_error(mutant, equation), found[label])
                yield _judged(f"{label}, step {number}", change, errors, tolerance)


def _index_error(step: Formula, equation: Equation) -> Error:
    def error(truth: Truth) -> float:
        value = evaluate(step, equation.indices, truth.sample.sizes, truth.sample)
        return relative_error(value, truth.value)

    return error


def _matrix_form(equations: Mapping[str, Equation], found: Truths, tolerance: float) -> Iterator[Mutant]:
    for label, equation in equations.items():
        for change, mutant in formula_mutants.formula_mutants(equation.matrix, (), found[label][0].sample):
            errors = _errors(_matrix_error(replace(equation, matrix=mutant)), found[label])
            yield _judged(f"{label}, matrix form", change, errors, tolerance)


def _matrix_error(equation: Equation) -> Error:
    return lambda truth: matrix_error(equation, truth)


def _code(found: Truths, tolerance: float) -> Iterator[Mutant]:
    for name, labels in judged.JUDGED_BY.items():
        if not found.keys() >= set(labels):
            continue
        for where, change, module in code_mutants(name):
            layers = replace(Layers(), **{name: module})
            errors = (
                error for label in labels for error in _errors(_code_error(label, layers), found[label])
            )
            yield _judged(where, change, errors, tolerance)


def _code_error(label: str, layers: Layers) -> Error:
    return lambda truth: code_error(label, layers, truth)


def _errors(error: Error, found: Sequence[Truth]) -> Iterator[float | None]:
    """Yield the relative error at each point, None where it cannot be computed."""
    for truth in found:
        try:
            with np.errstate(all="ignore"):
                yield error(truth)
        except Exception:  # whatever comes of something broken
            yield None


def _judged(where: str, change: str, errors: Iterable[float | None], tolerance: float) -> Mutant:
    """Take the first point at which a proof fails."""
    for error in errors:
        if error is None or error > tolerance:
            return Mutant(where, change, caught=True, computed=error is not None)
    return Mutant(where, change, caught=False, computed=True)
