"""Break every sign, index and factor of equations and code, one at a time, and a proof fails."""

import ast
import inspect
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache, reduce
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest
import torch

from backproof.proof.docstring_labels import LabelledFunction, functions, is_exempt
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, Formula
from backproof.proof.formula.graph import Sizes, shape
from backproof.proof.formula.index_form import Delta, Hardmax, Sum
from backproof.proof.formula.letters import PADDING, B, C, H, V
from backproof.proof.formula.matrix_form import MatrixContext, Whole, ones
from backproof.proof.formula.notation import Index, Name, Symbol
from backproof.proof.mutation import code_mutants, formula_mutants, mutation_test
from backproof.proof.mutation.conformable import require_conformable
from backproof.proof.mutation.mutation_report import MutationReport
from backproof.proof.prove import TOLERANCE, Truth, code_errors, prove, truths

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RUNNABLE = [function for function in functions() if "<locals>" not in function.qualname]
LINEAR = [equation for label, equation in EQUATIONS.items() if label.startswith("linear.")]


@pytest.fixture(scope="module")
def report() -> MutationReport:
    return mutation_test.run()


@pytest.mark.slow
def test_every_mutant_is_caught(report: MutationReport) -> None:
    assert report.survivors == ()
    assert report.caught == report.made
    assert {kind.name: kind.made > 250 for kind in report.kinds} == dict.fromkeys(
        ("index form", "matrix form", "code"), True
    )


@pytest.mark.slow
def test_changes_that_change_nothing_are_named_with_a_reason_and_not_counted(report: MutationReport) -> None:
    table = {**formula_mutants.EQUIVALENT, **code_mutants.EQUIVALENT}
    assert {(same.where, same.change): same.reason for same in report.equivalents} == table
    counted = {(mutant.where, mutant.change) for kind in report.kinds for mutant in kind.mutants}
    assert not counted & table.keys()
    assert len(report.equivalents) < report.made / 50


@pytest.mark.slow
def test_every_equation_is_broken_somewhere(report: MutationReport) -> None:
    index, matrix, _ = ({mutant.where.partition(",")[0] for mutant in kind.mutants} for kind in report.kinds)
    assert index | matrix == EQUATIONS.keys()


@pytest.mark.slow
def test_every_function_with_a_label_is_broken_somewhere(report: MutationReport) -> None:
    broken = {mutant.where for mutant in report.kinds[-1].mutants}
    assert {function.name for function in functions() if function.labels} <= broken


@pytest.mark.slow
def test_functions_that_only_help_are_broken_too(report: MutationReport) -> None:
    code = report.kinds[-1]
    broken = {mutant.where for mutant in (*code.mutants, *code.equivalents)}
    breakable = {function.name for function in RUNNABLE if any(code_mutants.code_mutants(function))}
    exempt = {name for name in breakable if is_exempt(name)}
    assert broken | exempt == breakable
    assert not broken & exempt
    batchnorm = "torch_nn.batchnorm"
    assert {
        f"{batchnorm}.channels.part_of",
        f"{batchnorm}.loops._over_parts",
        f"{batchnorm}.per_channel.channelwise",
        "numpy_nn.adam._Moments.count_step",
        "numpy_nn.conv2d._matrix",
    } <= broken


def code_of(function: LabelledFunction) -> CodeType:
    target = reduce(getattr, function.qualname.split("."), function.module)
    return inspect.unwrap(target).__code__


@pytest.fixture
def one_more_thread() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        yield before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_code_threads_and_is_compiling_do_not_change(one_more_thread: int) -> None:
    is_compiling, before = torch.compiler.is_compiling, [code_of(function) for function in RUNNABLE]
    assert mutation_test.run([EQUATIONS["bn.running_var"], EQUATIONS["linear.db"]]).made > 0
    assert [code_of(function) for function in RUNNABLE] == before
    assert (torch.get_num_threads(), torch.compiler.is_compiling) == (one_more_thread, is_compiling)
    assert prove(EQUATIONS["bn2d.dx"], samples=1).is_proven


@pytest.mark.slow
def test_no_mutant_is_left_when_the_caller_stops_early() -> None:
    equation = EQUATIONS["leaky_relu.dx"]
    before = [code_of(function) for function in RUNNABLE]
    mutants: Any = mutation_test._code([equation], cache(truths), TOLERANCE)
    with closing(mutants):
        assert next(mutants).caught
        assert [code_of(function) for function in RUNNABLE] == before
    assert [code_of(function) for function in RUNNABLE] == before


def test_a_function_is_broken_where_an_equation_that_runs_it_is_chosen() -> None:
    [*_, code] = mutation_test.run([EQUATIONS["linear.dW"]]).kinds
    linear = "numpy_nn.linear.Linear"
    broken = {mutant.where.removeprefix(f"{linear}.") for mutant in code.mutants}
    assert broken == {"forward", "backward", "backward_params"}
    # Equations that are not chosen judge it too: linear.dW does not notice another ∂L/∂b, or another ∂L/∂x.
    assert code.survivors == ()
    assert "np.sum(dout, axis=0, out=self.grads['bias']) → pass" in {mutant.change for mutant in code.mutants}


@pytest.mark.slow
class TestThatItCanFail:
    """A proof that cannot fail lets mutants live, and they are named."""

    def test_with_any_error_allowed(self) -> None:
        report = mutation_test.run(LINEAR, tolerance=math.inf)
        assert all(kind.survivors for kind in report.kinds)
        assert ("linear.dW, step 1", "∂L/∂y_si x_sj → x_sj") in {
            (mutant.where, mutant.change) for mutant in report.survivors
        }
        assert "SURVIVED linear.dW, step 1: ∂L/∂y_si x_sj → x_sj" in report.lines()

    def test_at_a_point_where_everything_is_zero(self) -> None:
        equation = EQUATIONS["linear.dW"]

        def zeros(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
            return {name: np.zeros(shape(name, sizes)) for name in equation.graph.draw(rng, sizes)}

        vacuous = replace(equation, graph=replace(equation.graph, draw=zeros))
        assert prove(vacuous).is_proven
        assert mutation_test.run([vacuous]).survivors
        assert not mutation_test.run([equation]).survivors

    def test_with_an_upstream_gradient_of_zeros(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def vanishing(equation: Equation) -> list[Truth]:
            known = truths(equation)
            for truth in known:
                for array in (truth.value, *truth.sample.upstream.values()):
                    array[...] = 0
            return known

        monkeypatch.setattr(mutation_test, "truths", vanishing)
        survivors = mutation_test.run([EQUATIONS["leaky_relu.dx"]]).survivors
        assert "1 → 2" in {mutant.change for mutant in survivors}


@pytest.mark.parametrize(
    "label", ["bn.dgamma", "bn.dbeta", "bn.dvar_dx", "jacobian.softmax", "chain.linear_W"]
)
def test_what_a_rule_leaves_out_changes_nothing(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def changes(found: MutationReport) -> set[tuple[str, str, bool]]:
        return {
            (mutant.where, mutant.change, mutant.caught) for kind in found.kinds for mutant in kind.mutants
        }

    monkeypatch.setattr(mutation_test, "labels_by_function", dict)  # no code has to be broken for this
    by_rule = changes(mutation_test.run([EQUATIONS[label]]))
    monkeypatch.setattr(formula_mutants, "_made_equal", lambda *_: frozenset())
    monkeypatch.setattr(formula_mutants, "_symmetric", lambda *_: False)
    left_out = changes(mutation_test.run([EQUATIONS[label]])) - by_rule
    assert left_out
    assert not any(caught for _, _, caught in left_out)


def instructions(code: CodeType) -> tuple[Any, ...]:
    """Return what code does, whatever the lines that it stands in."""
    constants = (
        instructions(constant) if isinstance(constant, CodeType) else repr(constant)
        for constant in code.co_consts
    )
    return code.co_code, code.co_names, tuple(constants)


@pytest.mark.slow
def test_each_mutant_of_the_code_changes_one_place() -> None:
    for function in RUNNABLE:
        for change, code in code_mutants.code_mutants(function):
            before, after = change.split(" → ")
            assert before != after
            assert instructions(code) != instructions(code_of(function)), (function.name, change)


@pytest.mark.slow
def test_functions_compiled_anew_without_a_change_are_right() -> None:
    labels = mutation_test.labels_by_function()
    known = {label: truths(equation, samples=1)[0] for label, equation in EQUATIONS.items()}
    for function in RUNNABLE:
        code = code_mutants.compiled(ast.parse(inspect.getsource(function.module)), function)
        with code_mutants.replaced(function, code):
            assert code_of(function) is code
            for label in labels.get(function.name, []):
                assert max(code_errors(label, known[label])) <= TOLERANCE
        assert code_of(function) is not code


def test_matrix_forms_have_no_broadcasting() -> None:
    x, b = Symbol("x", (B, C)), Symbol("b", (C,))
    at = MatrixContext({B: 3, C: 2}, {x: np.ones((3, 2)), b: np.ones(2)})
    one = ones(B)
    require_conformable(Whole(x) + one @ Whole(b).T, at)
    require_conformable(Whole(b) + 1, at)
    wrong: tuple[Formula, ...] = (Whole(x) + Whole(b).T, Whole(x) - 1, 2 * (Whole(x) + one))
    for formula in wrong:
        with pytest.raises(ValueError, match="joins shapes"):
            require_conformable(formula, at)


def test_a_sum_becomes_a_mean_and_its_indices_are_exchanged() -> None:
    s, i = Index("s", B), Index("i", C)
    x = Symbol("x", (B, C))
    sample = truths(EQUATIONS["bn.mu"], samples=1)[0].sample
    found = {change for change, _ in formula_mutants.formula_mutants(Sum(s, x[s, i]), (i,), sample)}
    assert found == {"Σ_s x_si → (Σ_s x_si)/B", "x_si → x_is"}


def test_what_is_in_a_computed_index_is_broken_too() -> None:
    sample = EQUATIONS["conv.z"].sample(seed=0)
    s, i, g, u = (Index(letter, size) for letter, size in zip("sigu", (B, C, H, V), strict=True))
    x = Symbol("x", (B, C, H, V))
    left = (s, i, g, u, r := Index("r", H))
    assert r.size == g.size
    delta = {change for change, _ in formula_mutants.formula_mutants(Delta(g + PADDING, 2 * r), left, sample)}
    assert delta == {
        *("δ_{g + P, 2 r} → 1", "g + P → g − P", "g + P → g", "g + P → P", "P → P + 1", "g → r"),
        *("2 r → 2", "2 r → r", "2 → 3", "r → g"),
    }
    mirrored = x[s, i, H - 1 - g, u]
    sample.arrays[x] = np.arange(sample.arrays[x].size * 1.0).reshape(sample.arrays[x].shape)
    entry = {change for change, _ in formula_mutants.formula_mutants(mirrored, left, sample)}
    assert {"H − 1 − g → H − 1 + g", "H − 1 → H", "H → H + 1", "1 → 2", "g → r"} <= entry


def test_a_hardmax_is_broken() -> None:
    s, i = Index("s", B), Index("i", C)
    sample = EQUATIONS["relu.y"].sample(seed=0)
    [x, *_] = sample.arrays
    assert isinstance(x, Symbol)
    found = formula_mutants.formula_mutants(Hardmax((s, i), x[s, i]), (s, i), sample)
    assert {change for change, _ in found} == {
        *("hardmax_si(x_si) → 1", "hardmax_si(x_si) → hardmax_i(x_si)", "hardmax_si(x_si) → hardmax_s(x_si)"),
        "x_si → x_is",
    }


@pytest.mark.slow
def test_the_page_of_proofs_counts_what_there_is(
    report: MutationReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    proofs = import_module("proofs")
    page = proofs.PAGE.read_text(encoding="utf-8")
    _, begin, rest = page.partition("<!-- proofs: made by a script, see CONTRIBUTING -->\n")
    counts, end, _ = rest.partition("<!-- end of proofs -->")
    assert begin
    assert end
    assert counts == proofs.sentences(len(EQUATIONS), report)
