"""From data to the report by one command: what it trains, skips and goes on with."""

import io
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backproof.cli.main import main
from backproof.errors import ConfigError
from backproof.handin import plan, write_report
from backproof.handin.plan import PlannedRun
from backproof.proof.equations import EQUATIONS
from backproof.proof.prove import prove
from backproof.training import record, run, trainer
from backproof.training.recipes import RECIPES, find_recipe

CLI = Callable[..., tuple[int, str, str]]
Beforehand = Callable[[], AbstractContextManager[pytest.MonkeyPatch]]
TINY: dict[str, Any] = {"data": "digits", "steps": 4, "eval_every": 2, "batch_size": 8}
PLANNED = [
    PlannedRun(
        f"{name}/seed-0",
        recipe,
        recipe.configure(TINY, {} if name.startswith("convnet") else {"hidden": (8,)}, {"seed": 0}),
        1.0,
    )
    for name, recipe in RECIPES.items()
    if recipe.in_report is not None
]
RUNS = Path("runs/reproduce-digits")


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Plan runs that take a moment, and proofs of a few equations."""
    patch.setattr(plan, "planned_runs", lambda *_: PLANNED)
    patch.setattr(write_report, "prove", lambda equation: prove(equation, samples=1))
    few = [EQUATIONS["linear.dW"]]
    patch.setattr(write_report.mutation_test, "run", lambda run=write_report.mutation_test.run: run(few))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[PlannedRun]:
    """The short plan."""
    shorten(monkeypatch)
    return PLANNED


class Reproduced(NamedTuple):
    """What reproduce printed, and the folder where it ran."""

    code: int
    out: str
    folder: Path


@pytest.fixture(scope="module")
def reproduced(beforehand: Beforehand) -> Reproduced:
    """The short plan from its beginning to the report."""
    with beforehand() as patch, redirect_stdout(io.StringIO()) as out:
        shorten(patch)
        return Reproduced(main(["reproduce", "--data", "digits"]), out.getvalue(), Path.cwd())


@pytest.mark.slow
def test_trains_everything_then_writes_the_report(reproduced: Reproduced) -> None:
    code, out, folder = reproduced
    assert code == 0
    assert out.startswith(f"14 runs in {RUNS}, 0 of them finished; about 1 min to train")
    assert "mlp-torch/seed-0: run 2 of 14" in out
    assert "modified" not in out
    assert (folder / "report/report.html").stat().st_size > 500_000
    assert (folder / "report/report.pdf").read_bytes().startswith(b"%PDF")
    page = (folder / "report/report.html").read_text(encoding="utf-8")
    for planned_run in PLANNED:
        assert f"{record.read(folder / RUNS / planned_run.name).final['test_accuracy']:.3f}" in page


@pytest.mark.slow
@pytest.mark.usefixtures("planned")
def test_what_is_finished_is_not_trained_again(cli: CLI, reproduced: Reproduced) -> None:
    shutil.copytree(reproduced.folder / RUNS, RUNS)
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("record.json")}
    assert len(before) == 14
    code, out, _ = cli("reproduce", "--data", "digits", "--out", "again")
    assert code == 0
    assert "14 of them finished; nothing to train" in out
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("record.json")} == before
    assert Path("again/report.pdf").is_file()


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on(cli: CLI, planned: list[PlannedRun], reproduced: Reproduced) -> None:
    first = planned[0]
    folder = Path("all") / first.name
    shutil.copytree(reproduced.folder / RUNS, "all")
    whole = record.read(folder)
    shutil.rmtree(folder)
    cut = run.start(first.recipe, first.settings, folder)
    trainer.train(cut, trainer.Callbacks(should_stop=lambda: cut.progress.step >= 3))
    assert cut.progress.step == 3
    assert cli("reproduce", "--data", "digits", "--runs", "all")[0] == 0
    assert record.read(folder).curves == whole.curves


def test_runs_of_other_settings_are_not_taken(cli: CLI, planned: list[PlannedRun]) -> None:
    recipe = find_recipe("mlp-numpy")
    other = recipe.configure(TINY, {"hidden": (8,), "seed": 0, "learning_rate": 1e-3})
    trainer.train(run.start(recipe, other, Path("all") / planned[0].name))
    code, _, err = cli("reproduce", "--data", "digits", "--runs", "all")
    assert code == 2
    assert err == "backproof: all/mlp-numpy/seed-0 is a run of other settings; choose another --runs\n"


def test_the_plan_has_every_recipe_over_its_seeds() -> None:
    for data in ("cifar10", "digits"):
        planned = plan.planned_runs(data)
        assert len({planned_run.name for planned_run in planned}) == len(planned)
        assert {
            planned_run.recipe.name
            for planned_run in planned
            if planned_run.settings.evaluation_split_name == "test"
        } == {
            name
            for name, recipe in RECIPES.items()
            if (recipe.small_plan if data == "digits" else recipe.plan)
        }
        assert all(planned_run.settings.data == data for planned_run in planned)
        for planned_run in planned:
            assert (
                planned_run.settings.evaluation_split_name == "validation"
            ) == planned_run.name.startswith("choices/")
            if data == "cifar10" and planned_run.settings.evaluation_split_name == "test":
                assert planned_run.recipe.modified_settings(planned_run.settings) == []
    seeds = [
        planned_run.settings.seed
        for planned_run in plan.planned_runs("cifar10")
        if planned_run.name.startswith("mlp-numpy/")
    ]
    assert seeds == [0, 1, 2, 3, 4]


def test_two_plans_with_one_folder_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPES["mlp-3-decay"]
    assert recipe.small_plan
    variants = {"no-decay": {"weight_decay": 0.0}, "strong-decay": {"weight_decay": 1.0}}
    for changed in (recipe, replace(RECIPES["mlp-4-norm"], name="another")):
        assert changed.small_plan
        plans = replace(changed.small_plan, variants=variants)
        monkeypatch.setitem(RECIPES, changed.name, replace(changed, small_plan=plans))
    with pytest.raises(
        ConfigError, match=r"several recipes have a run choices/no-decay, .*: rename a variant"
    ):
        plan.planned_runs("digits")


def test_a_recipe_in_the_report_has_both_plans() -> None:
    for name in ("plan", "small_plan"):
        with pytest.raises(ValueError, match="recipe mlp-numpy is in the report: it needs a plan"):
            replace(RECIPES["mlp-numpy"], **{name: None})
    assert replace(RECIPES["mlp-numpy"], in_report=None, plan=None, small_plan=None).plan is None


def test_results_are_what_reproduce_would_make() -> None:
    results = Path(__file__).parents[2] / "results"
    planned = {planned_run.name: planned_run for planned_run in plan.planned_runs("cifar10")}
    found = {path.parent.relative_to(results).as_posix() for path in results.rglob("record.json")}
    assert found == planned.keys()


def test_report_says_what_is_missing(cli: CLI) -> None:
    code, _, err = cli("report", "nowhere")
    assert (code, err) == (
        2,
        "backproof: nowhere has no finished run: there is no record.json in it or below it\n",
    )


def test_the_report_cannot_be_written(cli: CLI, planned: list[PlannedRun]) -> None:
    assert planned
    Path("file").write_text("")
    code, _, err = cli("reproduce", "--data", "digits", "--out", "file")
    assert code == 2
    assert err == "backproof: cannot write the report into file: File exists; choose another --out\n"


@pytest.mark.slow
def test_what_is_not_proven_is_said(
    cli: CLI, planned: list[PlannedRun], reproduced: Reproduced, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planned
    shutil.copytree(reproduced.folder / RUNS, RUNS)
    broken = {"linear.dW": 0.5}
    proven = write_report.prove
    monkeypatch.setattr(
        write_report,
        "prove",
        lambda equation: replace(proven(equation), code=broken.get(equation.label, 0.0)),
    )
    code, _, err = cli("reproduce", "--data", "digits")
    assert (code, err) == (1, "backproof: not proven: linear.dW; see backproof prove\n")
    page = Path("report/report.html").read_text(encoding="utf-8")
    assert "NOT every equation in this report is proven" in page
    assert "NOT PROVEN" in page
    assert "Not proven: linear.dW." in page


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_proofs_in_silence() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "backproof", "prove"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("label")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
