"""Break every sign, index and factor of equations and code, one at a time, and a proof fails."""

import ast
import inspect
import math
from dataclasses import replace
from functools import reduce
from importlib import import_module
from pathlib import Path
from types import CodeType

import numpy as np
import pytest
import torch

from backproof.proof.docstring_labels import LabelledFunction, functions
from backproof.proof.equations import EQUATIONS
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, Formula
from backproof.proof.formula.graph import Sizes, shape
from backproof.proof.formula.index_form import Sum
from backproof.proof.formula.letters import B, C
from backproof.proof.formula.matrix_form import MatrixContext, Whole, ones
from backproof.proof.formula.notation import Index, Name, Symbol
from backproof.proof.mutation import code_mutants, formula_mutants, mutation_test
from backproof.proof.mutation.conformable import require_conformable
from backproof.proof.mutation.mutation_report import MutationReport
from backproof.proof.prove import TOLERANCE, Truth, code_errors, prove, truths

pytestmark = pytest.mark.slow
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LINEAR = [equation for label, equation in EQUATIONS.items() if label.startswith("linear.")]


@pytest.fixture(scope="module")
def report() -> MutationReport:
    return mutation_test.run()


def test_every_mutant_is_caught(report: MutationReport) -> None:
    assert report.survivors == ()
    assert report.caught == report.made
    assert {kind.name: kind.made > 250 for kind in report.kinds} == dict.fromkeys(
        ("index form", "matrix form", "code"), True
    )


def test_changes_that_change_nothing_are_named_with_a_reason_and_not_counted(report: MutationReport) -> None:
    table = {**formula_mutants.EQUIVALENT, **code_mutants.EQUIVALENT}
    assert {(same.where, same.change): same.reason for same in report.equivalents} == table
    counted = {(mutant.where, mutant.change) for kind in report.kinds for mutant in kind.mutants}
    assert not counted & table.keys()
    assert len(report.equivalents) < report.made / 50


def test_every_equation_is_broken_somewhere(report: MutationReport) -> None:
    index, matrix, _ = ({mutant.where.partition(",")[0] for mutant in kind.mutants} for kind in report.kinds)
    assert index | matrix == EQUATIONS.keys()


def test_every_function_with_a_label_is_broken_somewhere(report: MutationReport) -> None:
    broken = {mutant.where for mutant in report.kinds[-1].mutants}
    assert {function.name for function in functions() if function.labels} <= broken


def test_functions_that_only_help_are_broken_too(report: MutationReport) -> None:
    broken = {mutant.where for mutant in report.kinds[-1].mutants}
    kernels = "torch_nn.batchnorm.manual_passes"
    assert {
        f"{kernels}._sum",
        f"{kernels}._rounding_matters",
        "torch_nn.batchnorm.per_channel.channelwise",
    } <= broken


def code_of(function: LabelledFunction) -> CodeType:
    target = reduce(getattr, function.qualname.split("."), function.module)
    return inspect.unwrap(target).__code__


def test_real_code_is_as_before(report: MutationReport) -> None:
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads_before + 1)
    runnable = [function for function in functions() if "<locals>" not in function.qualname]
    threads, is_compiling = torch.get_num_threads(), torch.compiler.is_compiling
    before = [code_of(function) for function in runnable]
    mutation_test.run([EQUATIONS["bn.running_var"], EQUATIONS["linear.db"]])
    assert [code_of(function) for function in runnable] == before
    assert (torch.get_num_threads(), torch.compiler.is_compiling) == (threads, is_compiling)
    torch.set_num_threads(threads_before)
    assert report.made > 0
    assert prove(EQUATIONS["bn2d.dx"], samples=1).holds


def test_a_function_is_broken_where_an_equation_that_runs_it_is_chosen() -> None:
    [*_, code] = mutation_test.run([EQUATIONS["linear.dW"]]).kinds
    linear = "numpy_nn.linear.Linear"
    broken = {mutant.where.removeprefix(f"{linear}.") for mutant in code.mutants}
    assert broken == {"forward", "backward", "backward_params"}
    # Equations that are not chosen judge it too: linear.dW does not notice another ∂L/∂b, or another ∂L/∂x.
    assert code.survivors == ()
    assert "np.sum(dout, axis=0, out=self.grads['bias']) → pass" in {mutant.change for mutant in code.mutants}


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
        assert prove(vacuous).holds
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


BROKEN = [function for function in functions() if "<locals>" not in function.qualname]


def test_each_mutant_of_the_code_changes_one_place() -> None:
    for function in BROKEN:
        for change, code in code_mutants.code_mutants(function):
            before, after = change.split(" → ")
            assert before != after
            assert code.co_qualname == function.qualname


def test_functions_compiled_anew_without_a_change_are_right() -> None:
    labels = mutation_test.labels_by_function()
    for function in BROKEN:
        code = code_mutants.compiled(ast.parse(inspect.getsource(function.module)), function)
        with code_mutants.replaced(function, code):
            assert code_of(function) is code
            for label in labels.get(function.name, [])[:2]:
                [truth] = truths(EQUATIONS[label], samples=1)
                assert max(code_errors(label, truth)) <= TOLERANCE
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


def test_the_page_of_proofs_counts_what_there_is(
    report: MutationReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    proofs = import_module("proofs")
    page = proofs.PAGE.read_text(encoding="utf-8") if proofs.PAGE.is_file() else ""
    _, begin, rest = page.partition("<!-- proofs: made by a script, see CONTRIBUTING -->\n")
    if begin:
        assert rest.partition("<!-- end of proofs -->")[0] == proofs.sentences(len(EQUATIONS), report)
