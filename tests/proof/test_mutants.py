"""Break every sign, index and factor of equations and code, one at a time, and a proof fails."""

import ast
import inspect
import math
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backproof.proof.code import judged
from backproof.proof.code.layers import Layers
from backproof.proof.equations import EQUATIONS
from backproof.proof.equations.letters import B, C
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array, Formula
from backproof.proof.formula.graph import Sizes, shape
from backproof.proof.formula.index_form import Sum
from backproof.proof.formula.matrix_form import Matrices, Whole, ones
from backproof.proof.formula.notation import Index, Name, Symbol
from backproof.proof.mutation import formula_mutants, mutants
from backproof.proof.mutation.code_mutants import code_mutants, remade
from backproof.proof.mutation.conformable import require_conformable
from backproof.proof.mutation.mutation_report import Report
from backproof.proof.prove import TOLERANCE, Truth, code_error, prove, truths

pytestmark = pytest.mark.slow
LABEL = re.compile(r"^ *[a-z]\w*\.\w+:  ", re.MULTILINE)


@pytest.fixture(scope="module")
def report() -> Report:
    return mutants.run()


def test_every_mutant_is_caught(report: Report) -> None:
    assert report.survivors == ()
    assert report.caught == report.made
    assert {kind.name: kind.made > 250 for kind in report.kinds} == dict.fromkeys(
        ("index form", "matrix form", "code"), True
    )


def test_readme_counts_the_mistakes(report: Report) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert readme.count(f"{report.made:,} deliberate mistakes") == 1
    assert readme.count(f"{report.made:,} mistakes, and the proofs notice every one") == 1


def test_changes_that_change_nothing_are_named_with_a_reason_and_not_counted(report: Report) -> None:
    table = {**formula_mutants.EQUIVALENT, **judged.EQUIVALENT}
    assert {(each.where, each.change): each.reason for each in report.equivalents} == table
    counted = {(each.where, each.change) for kind in report.kinds for each in kind.mutants}
    assert not counted & table.keys()
    assert len(report.equivalents) < report.made / 50


def test_every_equation_is_broken_somewhere(report: Report) -> None:
    index, matrix, _ = ({mutant.where.partition(",")[0] for mutant in kind.mutants} for kind in report.kinds)
    assert index | matrix == EQUATIONS.keys()


def test_every_judged_function_is_broken_somewhere(report: Report) -> None:
    expected = {f"{module}.{name}" for module, names in judged.FUNCTIONS.items() for name in names}
    assert {mutant.where for mutant in report.kinds[-1].mutants} == expected


def test_every_module_and_every_function_with_a_labelled_formula_is_judged() -> None:
    assert judged.FUNCTIONS.keys() == judged.JUDGED_BY.keys() == {each.name for each in fields(Layers)}
    for name, functions in judged.FUNCTIONS.items():
        tree = ast.parse(inspect.getsource(getattr(Layers(), name)))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and LABEL.search(ast.get_docstring(function) or ""):
                assert function.name in {each.rpartition(".")[-1] for each in functions}


def test_real_modules_are_as_before(report: Report) -> None:
    layers, threads, asked = Layers(), torch.get_num_threads(), torch.compiler.is_compiling
    torch.set_num_threads(threads + 1)
    before = {name: vars(getattr(layers, name)).copy() for name in judged.FUNCTIONS}
    mutants.run([EQUATIONS[label] for label in judged.JUDGED_BY["kernels"]])
    assert {name: vars(getattr(Layers(), name)) for name in judged.FUNCTIONS} == before
    assert (torch.get_num_threads(), torch.compiler.is_compiling) == (threads + 1, asked)
    torch.set_num_threads(threads)
    assert report.made > 0
    assert prove(EQUATIONS["bn2d.dx"], samples=1).holds


def test_a_module_is_broken_only_where_all_that_judge_it_are_asked() -> None:
    alone = mutants.run([EQUATIONS["linear.dW"]])
    assert alone.kinds[-1].made == 0
    assert "code of linear, activations, " in alone.lines()[-1]
    assert "not broken" in alone.lines()[-1]
    assert mutants.run([EQUATIONS[label] for label in judged.JUDGED_BY["linear"]]).kinds[-1].made > 10


class TestThatItCanFail:
    """A proof that cannot fail lets mutants live, and they are named."""

    def test_with_any_error_allowed(self) -> None:
        equations = [EQUATIONS[label] for label in judged.JUDGED_BY["linear"]]
        found = mutants.run(equations, tolerance=math.inf)
        assert all(kind.survivors for kind in found.kinds)
        assert ("linear.dW, step 1", "∂L/∂y_si x_sj → x_sj") in {
            (each.where, each.change) for each in found.survivors
        }
        assert "SURVIVED linear.dW, step 1: ∂L/∂y_si x_sj → x_sj" in found.lines()

    def test_at_a_point_where_everything_is_zero(self) -> None:
        equation = EQUATIONS["linear.dW"]

        def zeros(rng: np.random.Generator, sizes: Sizes) -> dict[Name, Array]:
            return {name: np.zeros(shape(name, sizes)) for name in equation.graph.draw(rng, sizes)}

        vacuous = replace(equation, graph=replace(equation.graph, draw=zeros))
        assert prove(vacuous).holds
        assert mutants.run([vacuous]).survivors
        assert not mutants.run([equation]).survivors

    def test_with_an_upstream_gradient_of_zeros(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def vanishing(equation: Equation) -> list[Truth]:
            found = truths(equation)
            for truth in found:
                for array in (truth.value, *truth.sample.upstream.values()):
                    array[...] = 0
            return found

        monkeypatch.setattr(mutants, "truths", vanishing)
        survivors = mutants.run([EQUATIONS["leaky_relu.dx"]]).survivors
        assert "1 → 2" in {each.change for each in survivors}


@pytest.mark.parametrize(
    "label", ["bn.dgamma", "bn.dbeta", "bn.dvar_dx", "jacobian.softmax", "chain.linear_W"]
)
def test_what_a_rule_leaves_out_changes_nothing(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def changes(found: Report) -> set[tuple[str, str, bool]]:
        return {(each.where, each.change, each.caught) for kind in found.kinds for each in kind.mutants}

    by_rule = changes(mutants.run([EQUATIONS[label]]))
    monkeypatch.setattr(formula_mutants, "_made_equal", lambda *_: frozenset())
    monkeypatch.setattr(formula_mutants, "_symmetric", lambda *_: False)
    left_out = changes(mutants.run([EQUATIONS[label]])) - by_rule
    assert left_out
    assert not any(caught for _, _, caught in left_out)


def test_each_mutant_of_the_code_changes_one_place() -> None:
    for name in judged.FUNCTIONS:
        for mutant in code_mutants(name):
            before, after = mutant.change.split(" → ")
            assert before != after
            assert mutant.module is not getattr(Layers(), name)


@pytest.mark.parametrize("name", judged.JUDGED_BY)
def test_a_module_made_anew_without_a_change_is_right(name: str) -> None:
    module = getattr(Layers(), name)
    layers = replace(Layers(), **{name: remade(module, ast.parse(inspect.getsource(module)))})
    for label in judged.JUDGED_BY[name]:
        assert code_error(label, layers, truths(EQUATIONS[label], samples=1)[0]) <= TOLERANCE


def test_matrix_forms_have_no_broadcasting() -> None:
    x, b = Symbol("x", (B, C)), Symbol("b", (C,))
    at = Matrices({B: 3, C: 2}, {x: np.ones((3, 2)), b: np.ones(2)})
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
