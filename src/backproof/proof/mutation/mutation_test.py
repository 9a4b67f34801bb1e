"""Break every sign, index and factor, one at a time: each time, a proof has to fail."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch

from backproof.gradcheck.derivatives import relative_error
from backproof.proof.docstring_labels import functions, is_exempt
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Formula
from backproof.proof.formula.index_form import evaluate
from backproof.proof.mutation import code_mutants, formula_mutants
from backproof.proof.mutation.mutation_report import EquivalentMutant, Mutant, MutantGroup, MutationReport
from backproof.proof.prove import (
    SAMPLES,
    SEED,
    TOLERANCE,
    Truth,
    code_errors,
    code_values,
    matrix_error,
    truths,
)
from backproof.proof.trace import Trace, trace

__all__ = ["EquivalentMutant", "Mutant", "MutantGroup", "MutationReport", "run"]

Truths = Callable[[Equation], Sequence[Truth]]
_EQUIVALENT = {**formula_mutants.EQUIVALENT, **code_mutants.EQUIVALENT}


def run(equations: Sequence[Equation] | None = None, tolerance: float = TOLERANCE) -> MutationReport:
    """Break equations (default: all), and the functions that compute them, and see whether the proofs notice.

    A function is tested by every equation that it has a part in, chosen or not. A mutant is caught if its
    relative error is above the tolerance in any sample, or if it cannot be computed.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the arrays are tiny
    try:
        chosen = list(EQUATIONS.values()) if equations is None else equations
        known = cache(_read_only_truths)
        return MutationReport(
            (
                _kind("index form", _index_form(chosen, known, tolerance)),
                _kind("matrix form", _matrix_form(chosen, known, tolerance)),
                _kind("code", _code(chosen, known, tolerance)),
            )
        )
    finally:
        torch.set_num_threads(n_threads)


def _kind(name: str, mutants: Iterator[Mutant]) -> MutantGroup:
    counted, equivalents = [], []
    for mutant in mutants:
        reason = _EQUIVALENT.get((mutant.where, mutant.change))
        if reason is None or mutant.caught:
            counted.append(mutant)
        else:
            equivalents.append(EquivalentMutant(mutant.where, mutant.change, reason))
    return MutantGroup(name, tuple(counted), tuple(equivalents))


def _read_only_truths(equation: Equation) -> list[Truth]:
    """Return the truths at all samples, whose arrays a mutant cannot write into."""
    known = truths(equation)
    for truth in known:
        # What is asked for here adds its derivatives to the sample.
        equation.values(truth.sample)
        equation.matrix_value(truth.sample)
        list(code_values(equation.label, truth.sample))
        for array in truth.sample.arrays.values():
            array.setflags(write=False)
    return known


def _index_form(equations: Sequence[Equation], known: Truths, tolerance: float) -> Iterator[Mutant]:
    for equation in equations:
        left, sample = equation.indices, known(equation)[0].sample
        for number, step in enumerate(equation.steps, 1):
            for change, mutant in formula_mutants.formula_mutants(step, left, sample):
                errors = (partial(_index_errors, mutant, equation, truth) for truth in known(equation))
                yield _tested(f"{equation.label}, step {number}", change, errors, tolerance)


def _index_errors(step: Formula, equation: Equation, truth: Truth) -> Iterator[float]:
    value = evaluate(step, equation.indices, truth.sample.sizes, truth.sample)
    yield relative_error(value, truth.value)


def _matrix_form(equations: Sequence[Equation], known: Truths, tolerance: float) -> Iterator[Mutant]:
    for equation in equations:
        sample = known(equation)[0].sample
        for change, mutant in formula_mutants.formula_mutants(equation.matrix, (), sample):
            broken = replace(equation, matrix=mutant)
            errors = (partial(_matrix_errors, broken, truth) for truth in known(equation))
            yield _tested(f"{equation.label}, matrix form", change, errors, tolerance)


def _matrix_errors(equation: Equation, truth: Truth) -> Iterator[float]:
    yield matrix_error(equation, truth)


def _code(equations: Sequence[Equation], known: Truths, tolerance: float) -> Iterator[Mutant]:
    tested_by, chosen = labels_by_function(), {equation.label for equation in equations}
    for function in functions():
        labels = tested_by.get(function.name, [])
        inner = "<locals>" in function.qualname  # which the function around it has
        if inner or is_exempt(function.name) or chosen.isdisjoint(labels):
            continue
        # Found out before anything is broken.
        truths_of = {label: known(EQUATIONS[label]) for label in labels}
        for change, code in code_mutants.code_mutants(function):
            errors = (
                partial(code_errors, label, truths_of[label][number])
                for number in range(SAMPLES)
                for label in labels
            )
            with code_mutants.replaced(function, code):
                mutant = _tested(function.name, change, errors, tolerance)
            yield mutant  # with the function's own code: nobody knows when the caller goes on


def labels_by_function() -> dict[str, list[str]]:
    """Return the labels whose proofs call each function, by the function's name.

    After those that it computes come those whose code calls it too: they show what forward and __init__ save.
    """
    traces = code_traces()
    called = {name for traced in traces.values() for name in traced.called_functions}
    return {
        name: sorted(
            (label for label, traced in traces.items() if name in traced.called_functions),
            key=lambda label: name not in traces[label].computing_functions,
        )
        for name in called
    }


def code_traces() -> dict[str, Trace]:
    """Return, by label, what its code computes and which functions run for it."""
    return {label: trace(code_values(label, equation.sample(SEED))) for label, equation in EQUATIONS.items()}


def _tested(
    where: str, change: str, samples: Iterable[Callable[[], Iterator[float]]], tolerance: float
) -> Mutant:
    """Take the first error by which a proof fails; what cannot be computed has failed, too."""
    for errors in samples:
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                if any(error > tolerance for error in errors()):
                    return Mutant(where, change, caught=True, computed=True)
        except Exception:  # whatever comes of something broken
            return Mutant(where, change, caught=True, computed=False)
    return Mutant(where, change, caught=False, computed=True)
