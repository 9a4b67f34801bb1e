"""backproof search: what its user sees, in one process."""

import json
import os
import shlex
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from backproof.training import checkpoint, record, run, trainer
from backproof.training.recipes import find_recipe
from backproof.training.search import search_record
from py2_batches import write_folder

pytestmark = pytest.mark.slow

Cli = Callable[..., tuple[int, str, str]]
BASE = (
    "search", "mlp-numpy", "--data", "digits", "--steps", 4, "--eval-every", 2, "--batch-size", 20,
    "--out", "all",
)  # fmt: skip
LISTS = ("--vary", "learning_rate=[0.002, 0.1, 1e30]", "--vary", 'hidden=["20", "10"]')
INTERVAL = ("--vary", "learning_rate={log=[1e-3, 1.0]}", "--vary", "hidden=[[10], [20]]")


def table(output: str) -> list[list[str]]:
    """The rows of the table at the end, as words."""
    lines = output.partition("\ntrial  validation accuracy")[2].splitlines()[1:]
    return [line.split() for line in lines[: next(i for i, line in enumerate(lines) if "pictures" in line)]]


def test_lists_are_tried_in_all_combinations_once_and_ranked(cli: Cli) -> None:
    code, out, error = cli(*BASE, *LISTS)
    assert (code, error) == (0, "")
    rows = table(out)
    assert {tuple(row[-2:]) for row in rows} == {
        (f"learning_rate={rate}", f"hidden={hidden}")
        for rate in ("0.002", "0.1", "1e+30")
        for hidden in ("20", "10")
    }
    accuracies = [float(row[1]) for row in rows[:4]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [row[1] for row in rows[4:]] == ["failed", "failed"]  # no accuracy, no seconds
    assert out.count("(the training loss at step ") == 2
    assert {path.name for path in Path("all/trials").iterdir()} == {
        row[0] for row in rows if row[3] == "finished"
    }
    for folder in Path("all/trials").iterdir():
        assert record.read(folder).final.keys() == {"validation_loss", "validation_accuracy"}
    assert all(Path(f"all/search.{kind}").stat().st_size for kind in ("png", "svg", "json"))


def test_given_again_it_trains_nothing_more(cli: Cli) -> None:
    first = cli(*BASE, *LISTS)
    before = {path: path.stat().st_mtime_ns for path in Path("all/trials").rglob("record.json")}
    again = cli(*BASE, *LISTS)
    assert before == {path: path.stat().st_mtime_ns for path in Path("all/trials").rglob("record.json")}
    assert again[0] == 0
    assert table(again[1]) == table(first[1])


def test_the_recipe_as_it_is_comes_first_in_any_order(cli: Cli) -> None:
    cli(*BASE, "--vary", 'hidden=["1", "2", "3", "4", "100", "5"]', "--trials", 2)
    found = search_record.read(Path("all"))
    assert [trial.number for trial in found.trials] == [0, 1]
    assert found.trials[0].values == {"hidden": "100"}


def test_the_command_for_the_best_makes_its_network(cli: Cli) -> None:
    _, out, _ = cli(*BASE, "--seed", 3, *LISTS)
    line = next(line for line in out.splitlines() if line.startswith("backproof train"))
    assert not any(flag in line for flag in ("--steps", "--eval-every", "--validation-size"))
    trials = ("--steps", 4, "--eval-every", 2, "--validation-size", 143)
    code, said, _ = cli(*shlex.split(line)[1:], *trials, "--out", "best")
    assert code == 0
    assert record.read(Path("best")).final["validation_accuracy"] == pytest.approx(
        float(table(out)[0][1]), abs=1e-4
    )
    assert "evaluated on 143 validation images" in said


def test_trials_spend_no_time_on_views_which_judge_nothing(cli: Cli) -> None:
    small = ("--data", "digits", "--hidden", "8,8", "--steps", 2, "--batch-size", 20, "--out", "all")
    _, out, _ = cli("search", "mlp-best", *small, "--vary", "label_smoothing=[0.0]")
    assert record.read(Path("all/trials/0")).final_averaged == {}
    line = next(line for line in out.splitlines() if line.startswith("backproof train mlp-best"))
    assert "--views" not in line  # the recipe's are for the test


def test_intervals_are_searched_and_the_hopeless_stopped(cli: Cli) -> None:
    code, _, error = cli(*BASE, *INTERVAL, "--trials", 12)
    assert (code, error) == (0, "")
    found = search_record.read(Path("all"))
    assert len(found.trials) == 12
    states = [trial.state for trial in found.trials]
    assert states.count("stopped early") >= 3
    assert states.count("finished") >= 2
    for trial in found.trials:
        steps = [step for step, _ in trial.curve]
        assert steps == ([2, 4] if trial.state == "finished" else [2])
        assert Path(f"all/trials/{trial.number}").exists() == (trial.state == "finished")
    assert sum(found.importances.values()) == pytest.approx(1, abs=1e-3)
    assert found.importances.keys() == {"learning_rate", "hidden"}
    assert found.environment.commit is None or len(found.environment.commit) >= 40
    assert found.config["validation_size"] == 143
    assert "data_dir" not in json.loads(Path("all/search.json").read_text())["config"]


def test_a_search_is_a_function_of_its_seed(cli: Cli) -> None:
    values = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        cli(*BASE, *INTERVAL, "--trials", 13, "--seed", seed, "--out", folder)
        values.append([trial.values for trial in search_record.read(Path(folder)).trials])
    assert values[0] == values[1]
    assert values[0][1:] != values[2][1:]


def test_more_trials_may_be_asked_for_later(cli: Cli) -> None:
    cli(*BASE, *INTERVAL, "--trials", 2)
    code, out, _ = cli(*BASE, *INTERVAL, "--trials", 3)
    assert code == 0
    assert out.count("\ntrial ") == 2  # one trial's line, and the table's head
    assert len(search_record.read(Path("all")).trials) == 3


def test_fewer_trials_than_there_are_end_what_was_begun(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(*BASE, *INTERVAL, "--trials", 1)
    interrupt_after(1, monkeypatch)
    assert cli(*BASE, *INTERVAL, "--trials", 2)[0] == 130
    assert cli(*BASE, *INTERVAL, "--trials", 1)[0] == 0
    found = search_record.read(Path("all"))
    assert (found.trials_planned, [trial.number for trial in found.trials]) == (2, [0, 1])
    assert found.trials[1].state != "failed"


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first run that is trained stop after so many steps, as by Ctrl-C."""
    train = trainer.train
    done = False

    def stopped(opened: run.Run, callbacks: trainer.Callbacks) -> record.RunRecord | None:
        nonlocal done
        if done:
            return train(opened, callbacks)
        done = True

        def count(_: object) -> None:
            if opened.progress.step == steps:
                os.kill(os.getpid(), signal.SIGINT)

        return train(
            opened,
            trainer.Callbacks(count, callbacks.on_evaluation, callbacks.before_record, callbacks.should_stop),
        )

    monkeypatch.setattr(trainer, "train", stopped)


def test_ctrl_c_saves_the_trial_and_the_same_command_goes_on_with_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(3, monkeypatch)
    code, _, error = cli(*BASE, *INTERVAL, "--trials", 2)
    assert code == 130
    assert error == (
        "stopped with 0 of 2 trials done, what was in work saved; give the same command again to go on\n"
    )
    assert checkpoint.read(Path("all/trials/0")).progress.step == 3
    code, out, _ = cli(*BASE, *INTERVAL, "--trials", 2)
    assert code == 0
    cut, _ = search_record.read(Path("all")).trials
    assert (cut.number, cut.state, [step for step, _ in cut.curve]) == (0, "finished", [2, 4])
    assert out.index("trial 0") < out.index("trial 1")
    cli(*BASE, *INTERVAL, "--trials", 2, "--out", "uncut")
    uncut = search_record.read(Path("uncut")).trials[0]
    assert (uncut.values, uncut.curve) == (cut.values, cut.curve)


def test_a_run_that_cannot_be_resumed_begins_anew(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(3, monkeypatch)
    cli(*BASE, *INTERVAL, "--trials", 1)
    Path("all/trials/0/checkpoint.safetensors").write_bytes(b"damaged")
    code, _, error = cli(*BASE, *INTERVAL, "--trials", 1)
    assert (code, error) == (0, "")
    assert [trial.state for trial in search_record.read(Path("all")).trials] == ["finished"]


def test_settings_that_cannot_be_trained_fail_and_the_others_go_on(cli: Cli) -> None:
    code, out, _ = cli(*BASE[:-4], "--out", "all", "--vary", "batch_size=[1438, 20]")
    assert code == 0
    assert "failed  (batch_size 1438 is larger than the training set of 1,294 images; choose" in out
    assert [row[-1] for row in table(out)] == ["batch_size=20", "batch_size=1438"]
    code, out, _ = cli(*BASE, "--vary", "learning_rate=[1e30]", "--out", "none")
    assert code == 0
    assert "note      every trial failed" in out


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        (("--crop-padding", 32), "crop_padding 32 could shift the images of 32 × 32 pixels out of sight"),
        (("--validation-size", 1437), "validation_size 1437 leaves nothing of the 1,437 training images"),
    ],
)
def test_settings_with_which_no_trial_could_be_trained_cost_none(
    cli: Cli, fixed: tuple[Any, ...], message: str
) -> None:
    code, _, error = cli(*BASE, *INTERVAL, *fixed, "--trials", 2)
    assert (code, error.count("\n")) == (2, 1)
    assert message in error


def test_a_device_that_one_worker_lacks_costs_no_trial(cli: Cli) -> None:
    command = ("search", "mlp-torch", *BASE[2:], *INTERVAL, "--trials", 2)
    code, _, error = cli(*command, "--device", "mps" if torch.cuda.is_available() else "cuda")
    assert (code, "is not available here" in error) == (2, True)
    assert cli(*command, "--device", "cpu")[0] == 0
    assert [trial.state for trial in search_record.read(Path("all")).trials] == ["finished"] * 2


def test_data_may_be_named_from_the_folder_where_one_is(cli: Cli, rng: np.random.Generator) -> None:
    write_folder(Path("small"), rng)
    arguments = (
        "search", "mlp-numpy", "--data-dir", "small", "--validation-size", 20, "--steps", 2,
        "--batch-size", 10, "--out", "all", "--vary", "hidden=[[3]]",
    )  # fmt: skip
    assert cli(*arguments)[::2] == (0, "")
    assert cli(*arguments)[::2] == (0, "")
    assert "small" not in Path("all/search.json").read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--steps", 5), "the study in sqlite:///all/study.db is another one (steps 4, here it is 5): give"),
        (("--seed", 5), "is another one (seed 42, here it is 5)"),
        (("--vary", "dropout=[0.1]"), "is another one (the search space of dropout None, here it is [0.1])"),
    ],
)
def test_another_search_is_not_mixed_in(cli: Cli, changed: tuple[Any, ...], message: str) -> None:
    cli(*BASE, *LISTS, "--trials", 1)
    before = Path("all/search.json").read_bytes()
    code, _, error = cli(*BASE, *LISTS, *changed)
    assert (code, error.count("\n")) == (2, 1)
    assert message in error
    assert Path("all/search.json").read_bytes() == before


def test_another_recipes_study_and_somebody_elses_are_refused(cli: Cli) -> None:
    cli(*BASE, *LISTS, "--trials", 1)
    code, _, error = cli("search", "mlp-torch", *BASE[2:], *LISTS)
    assert (code, "(recipe mlp-numpy, not of mlp-torch)" in error) == (2, True)
    optuna.create_study(storage="sqlite:///other.db", study_name="theirs")
    code, _, error = cli(*BASE, *LISTS, "--storage", "sqlite:///other.db")
    assert (code, error) == (
        2,
        "backproof: the storage sqlite:///other.db has another study, 'theirs'; give this search a storage "
        "of its own\n",
    )


def test_a_trials_folder_of_other_settings_is_left_alone(cli: Cli) -> None:
    recipe = find_recipe("mlp-numpy")
    run.start(recipe, recipe.configure({"data": "digits"}), Path("all/trials/0"))
    code, _, error = cli(*BASE, *LISTS)
    assert code == 2
    assert "all/trials/0 is a run of other settings; choose another --out" in error
    assert checkpoint.read(Path("all/trials/0")).progress.step == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////no/where.db", "cannot open the storage sqlite:////no/where.db: unable to open"),
        ("sqlite:///text.db", "cannot open the storage sqlite:///text.db: file is not a database"),
        ("", "the storage's URL cannot be read"),
        ("nonsense", "the storage's URL cannot be read; it is like sqlite:///FILE or postgresql"),
        ("sqlite+nodriver:///x", "cannot open the storage sqlite+nodriver:///x: Can't load plugin"),
        ("oracle://me:secret@host/x", "the storage oracle://me:***@host/x needs a driver that is not"),
    ],
)
def test_storages_that_cannot_be_used(cli: Cli, url: str, message: str) -> None:
    Path("text.db").write_text("no database " * 100)
    code, out, error = cli(*BASE, *LISTS, "--storage", url)
    assert (code, error.count("\n")) == (2, 1)
    assert message in error
    assert "secret" not in out + error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trials", 0), "Invalid value for '--trials': 0 is not in the range x>=1."),
        (("--validation-size", 0), "compared on a validation set: validation_size must be 1 or more"),
        (("--epochs", 1), "give --steps or --epochs, not both"),
        (("--vary", "nidden=[1]"), "--vary: unknown setting 'nidden'; did you mean 'hidden'?"),
        (("--space", "no.toml"), "cannot read the search space no.toml: No such file or directory"),
        (("--out", "text.db"), "cannot make the folder text.db: Not a directory; choose another --out"),
    ],
)
def test_what_cannot_be_searched_leaves_no_trace(cli: Cli, arguments: tuple[Any, ...], message: str) -> None:
    Path("text.db").write_text("")
    code, _, error = cli(*BASE, *(() if "--space" in arguments else LISTS), *arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert message in error
    assert not Path("all").exists()


def test_a_storage_that_fails_later_says_so_and_nothing_is_lost(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = trainer.train

    def spoil(opened: run.Run, callbacks: trainer.Callbacks) -> record.RunRecord | None:
        with sqlite3.connect("all/study.db") as database:
            database.execute("ALTER TABLE trial_intermediate_values RENAME TO gone")
        return train(opened, callbacks)

    monkeypatch.setattr(trainer, "train", spoil)
    code, _, error = cli(*BASE, *INTERVAL, "--trials", 1)
    assert (code, error.count("\n")) == (2, 1)
    assert "the storage sqlite:///all/study.db fails: no such table: trial_intermediate_values" in error
    with sqlite3.connect("all/study.db") as database:
        database.execute("ALTER TABLE gone RENAME TO trial_intermediate_values")
    monkeypatch.setattr(trainer, "train", train)
    assert cli(*BASE, *INTERVAL, "--trials", 1)[0] == 0
    assert [trial.number for trial in search_record.read(Path("all")).trials] == [0]


def test_it_searches_in_processes_of_its_own_kind(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, error = cli(*BASE, *LISTS)
    assert (code, error) == (
        2, "backproof: search trains in one process; start it without torchrun, several times for more\n",
    )  # fmt: skip


def test_a_modified_recipe_evaluated_on_the_test_set_says_so(cli: Cli) -> None:
    arguments = ("train", "mlp-numpy", "--data", "digits", "--batch-size", 20, "--steps", 2)
    _, out, _ = cli(*arguments, "--learning-rate", 0.1, "--out", "modified")
    assert "note      modified (batch_size, learning_rate, steps) and evaluated on the test set" in out
    assert "backproof search" in out
    _, out, _ = cli(*arguments, "--learning-rate", 0.1, "--validation-size", 100, "--out", "validated")
    assert "evaluated on the test set" not in out
