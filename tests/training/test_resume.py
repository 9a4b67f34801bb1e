"""Runs cut by Ctrl-C, a kill, a full disk, a diverging loss: going on equals never having stopped."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.errors import DivergedError, RunError
from backproof.training import checkpoint, record, run, trainer
from backproof.training.config import build
from backproof.training.recipes import find_recipe
from py2_batches import write_folder

pytestmark = pytest.mark.slow

CLI = Callable[..., tuple[int, str, str]]
MLP = find_recipe("mlp-numpy")
SETTINGS = {"data": "digits", "steps": 40, "eval_every": 15, "batch_size": 60, "hidden": [12]}
KILLS = 20


def flags(settings: dict[str, Any]) -> list[str]:
    values = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in settings.items()
    }
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "backproof", *map(str, arguments)]


def assert_same_end(one: Path, other: Path) -> None:
    """Compare all but what the clock and the memory say, to the last bit."""
    ours, theirs = checkpoint.read(one), checkpoint.read(other)
    assert ours.learner.keys() == theirs.learner.keys()
    for name, array in ours.learner.items():
        np.testing.assert_array_equal(array, theirs.learner[name])
    first, second = record.read(one), record.read(other)
    assert (first.curves, first.final, first.config, first.seed) == (
        second.curves, second.final, second.config, second.seed,
    )  # fmt: skip


@pytest.fixture
def uninterrupted() -> Path:
    trainer.train(run.start(MLP, build(SETTINGS), Path("whole")))
    return Path("whole")


@pytest.mark.parametrize("stops", [[0], [1], [14], [15], [16], [39], [3, 7, 15, 33]])
def test_a_stopped_run_goes_on_bit_for_bit(uninterrupted: Path, stops: list[int]) -> None:
    run.start(MLP, build(SETTINGS), Path("cut"))
    for stop in stops:
        cut = run.resume(Path("cut"))
        assert (
            trainer.train(
                cut, trainer.Callbacks(should_stop=lambda cut=cut, stop=stop: cut.progress.step >= stop)
            )
            is None
        )
        assert checkpoint.read(Path("cut")).progress.step == stop
        assert not Path("cut/record.json").exists()
    assert trainer.train(run.resume(Path("cut"))) is not None
    assert_same_end(Path("cut"), uninterrupted)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(sent: signal.Signals) -> None:
    long = SETTINGS | {"steps": 1_000_000}
    process = subprocess.Popen(
        command("train", "mlp-numpy", *flags(long), "--out", "cut"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while not process.stdout.readline().startswith("step"):
        assert process.poll() is None
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    step = checkpoint.read(Path("cut")).progress.step
    assert step >= 15
    assert err.startswith(f"stopped after step {step} of 1000000, saved; go on with: ")
    assert err.endswith("backproof train --resume cut\n")


def test_output_that_nobody_reads_any_more_stops_nothing(uninterrupted: Path) -> None:
    process = subprocess.Popen(
        command("train", "mlp-numpy", *flags(SETTINGS), "--out", "unread"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert_same_end(Path("unread"), uninterrupted)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
def test_a_log_on_a_full_disk_stops_nothing(uninterrupted: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("train", "mlp-numpy", *flags(SETTINGS), "--out", "full"),
            stdout=full,
            stderr=subprocess.PIPE,
        )
        listing = subprocess.run(command("recipes"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert_same_end(Path("full"), uninterrupted)
    assert listing.returncode == 2
    assert listing.stderr == "backproof: cannot write the output: No space left on device\n"


def test_no_standard_output_at_all_stops_nothing(uninterrupted: Path) -> None:
    line = " ".join(command("train", "mlp-numpy", *flags(SETTINGS), "--out", "mute")) + " >&-"
    done = subprocess.run(line, shell=True, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert_same_end(Path("mute"), uninterrupted)


def test_names_that_the_terminal_cannot_show_stop_nothing() -> None:
    done = subprocess.run(
        command("train", "mlp-numpy", *flags(SETTINGS), "--out", "réseau"),
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"r\\xe9seau" in done.stdout


def test_a_signal_that_the_shell_ignores_is_ignored() -> None:
    long = flags(SETTINGS | {"steps": 1500})
    process = subprocess.Popen(
        command("train", "mlp-numpy", *long, "--out", "cut"),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("step"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Every other kill comes while the program starts, the others while it trains and saves."""
    settings = SETTINGS | {"steps": 1500, "eval_every": 10}
    fresh, resumed = (
        command("train", "mlp-numpy", *flags(settings), "--out", "cut"),
        command("train", "--resume", "cut"),
    )
    began = time.monotonic()
    subprocess.run([*fresh[:-1], "whole"], check=True, capture_output=True)
    longest = time.monotonic() - began
    moments = random.Random(5)
    attempts = kills = 0
    steps_at_kills = set()
    while kills < KILLS:
        attempts += 1
        next_command = resumed if Path("cut").exists() else fresh
        process = subprocess.Popen(next_command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if attempts % 2:
            while (line := process.stdout.readline()) and not line.startswith("step"):
                pass
            time.sleep(moments.uniform(0, 0.03))
        else:
            time.sleep(moments.uniform(0.1, 0.6) * longest)
        process.kill()
        _, err = process.communicate()
        assert err == ""
        kills += process.returncode == -signal.SIGKILL
        if Path("cut").exists():
            steps_at_kills.add(checkpoint.read(Path("cut")).progress.step)
        if Path("cut/record.json").exists():  # it came to its end: judge it, then start over
            assert_same_end(Path("cut"), Path("whole"))
            Path("cut").rename(tmp_path / f"done-{attempts}")
    subprocess.run(resumed if Path("cut").exists() else fresh, check=True, capture_output=True)
    assert_same_end(Path("cut"), Path("whole"))
    assert len(steps_at_kills - {0, settings["steps"]}) >= 3, "too few kills came while it trained"


def test_a_torch_run_killed_as_it_trains() -> None:
    settings = SETTINGS | {
        "steps": 500, "eval_every": 10, "hidden": [12, 9], "initialization": "uniform", "optimizer": "adam",
        "dropout": 0.2, "batch_norm": "manual", "threads": 1,
    }  # fmt: skip
    fresh = command("train", "mlp-torch", *flags(settings), "--out")
    subprocess.run([*fresh, "whole"], check=True, capture_output=True)
    moments = random.Random(7)
    for kill in range(3):
        line = command("train", "--resume", "cut") if kill else [*fresh, "cut"]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        while not process.stdout.readline().startswith("step"):
            assert process.poll() is None
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        assert process.communicate()[1] == ""
        assert 0 < checkpoint.read(Path("cut")).progress.step < settings["steps"]
    subprocess.run(command("train", "--resume", "cut"), check=True, capture_output=True)
    assert_same_end(Path("cut"), Path("whole"))


def test_a_finished_run_is_left_as_it_is(cli: CLI, uninterrupted: Path) -> None:
    before = {path.name: path.read_bytes() for path in uninterrupted.iterdir()}
    code, _, err = cli("train", "--resume", uninterrupted)
    assert (code, err) == (0, "")
    assert {path.name: path.read_bytes() for path in uninterrupted.iterdir()} == before


def test_a_full_disk_keeps_the_checkpoint_before(
    cli: CLI, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.start(MLP, build(SETTINGS), Path("cut"))
    real_fsync, calls = os.fsync, []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:  # file and folder of step 15, then the file of step 30
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real_fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    code, _, err = cli("train", "--resume", "cut")
    assert code == 2
    assert err == (
        "backproof: cannot save step 30 in cut: No space left on device; "
        "the checkpoint before is still there: make room, then go on with --resume cut\n"
    )
    assert checkpoint.read(Path("cut")).progress.step == 15
    assert {path.name for path in Path("cut").iterdir()} == {"checkpoint.safetensors", ".lock"}
    assert cli("train", "--resume", "cut")[0] == 0
    assert_same_end(Path("cut"), uninterrupted)


def test_a_disk_too_full_to_begin_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    done = subprocess.run(
        command("train", "mlp-numpy", *flags(SETTINGS | {"hidden": [100]}), "--out", "cut"),
        capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)),
    )  # fmt: skip
    assert done.returncode == 2
    assert (
        done.stderr
        == "backproof: cannot make the run's folder cut: File too large; name another place with --out\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_became_read_only(uninterrupted: Path) -> None:
    """As root, only without the privilege that overrides permissions."""
    run.start(MLP, build(SETTINGS), Path("cut"))
    Path("cut").chmod(0o555)
    prefix = []
    if os.geteuid() == 0:
        prefix = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
        if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
            pytest.skip("root writes everywhere, and setpriv is not there to make it stop")
    done = subprocess.run([*prefix, *command("train", "--resume", "cut")], capture_output=True, text=True)
    Path("cut").chmod(0o755)
    assert done.returncode == 2
    assert done.stderr == "backproof: cannot write into cut: Permission denied; training needs to\n"
    assert trainer.train(run.resume(Path("cut"))) is not None
    assert_same_end(Path("cut"), uninterrupted)


def test_a_diverging_loss_stops_the_run(cli: CLI) -> None:
    settings = flags(SETTINGS | {"learning_rate": 1e30, "eval_every": 1})
    code, _, err = cli("train", "mlp-numpy", *settings, "--out", "cut")
    assert code == 2
    assert err.count("\n") == 1
    assert " loss at step " in err
    assert (
        "training diverged; try a learning_rate below 1e+30 in a new run (cut is left as last saved)" in err
    )
    assert not Path("cut/record.json").exists()


def test_weights_that_just_overflowed_are_not_saved() -> None:
    cut = run.start(MLP, build(SETTINGS), Path("cut"))
    learner_step = cut.learner.step

    def overflowing_step(*batch: Any) -> Any:
        metrics = learner_step(*batch)
        cut.learner.state()["linear1.bias"][0] = np.inf
        return metrics

    cut.learner.step = overflowing_step
    with pytest.raises(DivergedError, match=r"linear1\.bias is no longer finite after step 1"):
        trainer.train(cut, trainer.Callbacks(should_stop=lambda: cut.progress.step == 1))
    assert checkpoint.read(Path("cut")).progress.step == 0


def test_a_run_that_another_process_has_moved_on_is_not_set_back() -> None:
    late = run.start(MLP, build(SETTINGS), Path("cut"))
    trainer.train(run.resume(Path("cut")))
    before = {path.name: path.read_bytes() for path in Path("cut").iterdir()}
    with pytest.raises(RunError, match="cut was trained further by another process"):
        trainer.train(late)
    assert {path.name: path.read_bytes() for path in Path("cut").iterdir()} == before


def test_litter_of_a_killed_write_is_swept() -> None:
    started = run.start(MLP, build(SETTINGS), Path("cut"))
    Path("cut/.checkpoint.safetensors-x7y8z9ab").write_bytes(b"half")
    Path("cut/.my-notes").write_text("mine")
    Path("cut/.Trash-1000").mkdir()
    trainer.train(started)
    assert not Path("cut/.checkpoint.safetensors-x7y8z9ab").exists()
    assert Path("cut/.my-notes").exists()
    assert Path("cut/.Trash-1000").exists()


def test_a_checkpoint_of_another_network_is_refused() -> None:
    run.start(MLP, build(SETTINGS), Path("cut"))
    saved = checkpoint.read(Path("cut"))
    saved.learner["linear1.bias"] = np.zeros(3, np.float32)
    checkpoint.write(Path("cut"), saved)
    with pytest.raises(RunError, match=r"does not fit its own settings: .* linear1\.bias of shape \(12,\)"):
        run.resume(Path("cut"))


def test_a_run_goes_on_where_its_data_have_moved_to(cli: CLI, rng: np.random.Generator) -> None:
    write_folder(Path("before"), rng)
    settings = flags(SETTINGS | {"data": "cifar10", "data_dir": "before", "steps": 4, "batch_size": 5})
    assert cli("train", "mlp-numpy", *settings, "--out", "cut")[0] == 0
    Path("before").rename("after")
    code, _, err = cli("evaluate", "cut")
    assert code == 2
    assert "before does not exist" in err
    code, out, _ = cli("evaluate", "cut", "--data-dir", "after")
    assert code == 0
    assert "after step 4 of 4, on 20 test images" in out
    assert cli("train", "--resume", "cut", "--data-dir", "after")[0] == 0


def test_a_relative_data_dir_serves_from_every_folder(
    cli: CLI, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(Path("small"), rng)
    settings = flags(SETTINGS | {"data": "cifar10", "data_dir": "small", "steps": 4, "batch_size": 5})
    assert cli("train", "mlp-numpy", *settings, "--out", "cut")[0] == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert cli("evaluate", "../cut")[0] == 0


def test_only_one_process_trains_a_run(cli: CLI) -> None:
    started = run.start(MLP, build(SETTINGS), Path("cut"))

    def resume_meanwhile() -> bool:
        code, _, err = cli("train", "--resume", "cut")
        assert code == 2
        assert "another process is training cut" in err
        return True

    assert trainer.train(started, trainer.Callbacks(should_stop=resume_meanwhile)) is None


def test_resuming_takes_no_new_settings(cli: CLI, uninterrupted: Path) -> None:
    code, _, err = cli("train", "other", "--resume", uninterrupted)
    assert code == 2
    assert "is a run of mlp-numpy, not of other" in err


def test_resuming_on_other_images_is_refused() -> None:
    run.start(MLP, build(SETTINGS), Path("cut"))
    saved = checkpoint.read(Path("cut"))
    saved.mean[0, 0, 0] += 1
    checkpoint.write(Path("cut"), saved)
    with pytest.raises(RunError, match="cut was trained on other images"):
        run.resume(Path("cut"))


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_checkpoint_is_named(content: bytes) -> None:
    run.start(MLP, build(SETTINGS), Path("cut"))
    Path("cut/checkpoint.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"cut/checkpoint\.safetensors is not a checkpoint"):
        run.resume(Path("cut"))


def test_a_truncated_checkpoint_is_named() -> None:
    run.start(MLP, build(SETTINGS), Path("cut"))
    path = Path("cut/checkpoint.safetensors")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(RunError, match="is not a checkpoint"):
        run.resume(Path("cut"))


def test_a_record_of_another_version_is_named(uninterrupted: Path) -> None:
    path = uninterrupted / "record.json"
    path.write_text(path.read_text().replace("backproof.record/1", "backproof.record/9"))
    with pytest.raises(RunError, match=r"has schema 'backproof\.record/9'"):
        record.read(uninterrupted)
    path.write_text("{}")
    with pytest.raises(RunError, match=r"is damaged .* delete it, then --resume writes it anew"):
        record.read(uninterrupted)
