"""Several processes, as torchrun starts them: one run, one record, and what becomes of a lost worker."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch.distributed as dist

from backproof.errors import ConfigError
from backproof.training import checkpoint, record, run, trainer
from backproof.training.recipes import find_recipe

pytestmark = pytest.mark.slow
CONFIG = """
data = "digits"
precision = "fp64"
optimizer = "adam"
weight_decay = 1e-3
batch_norm = "manual"
batch_size = 40
steps = 20
eval_every = 10
validation_size = 101
"""
MLP = 'hidden = [12, 9]\ninitialization = "uniform"\n'
TOGETHER = """
optimizer = "sgd"
momentum = 0.9
schedule = "cosine"
warmup = 0.2
clip_norm = 1.0
label_smoothing = 0.1
ema_decay = 0.8
flip = true
crop_padding = 2
cutout = 3
rotation = 10.0
views = 6
"""


def torchrun(*arguments: object, processes: int = 2) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    # A port of its own choosing: tests may run side by side.
    return [*launcher, "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", *map(str, arguments)]


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        torchrun("-m", "backproof", "train", *arguments), capture_output=True, text=True, timeout=200
    )


@pytest.mark.parametrize(
    ("recipe", "more"),
    [
        ("mlp-torch", MLP),
        ("mlp-torch", MLP + TOGETHER),
        ("convnet", "steps = 3\nbatch_size = 6\nvalidation_size = 21\n"),
    ],
)
def test_two_processes_train_as_one_with_the_joint_batch(recipe: str, more: str) -> None:
    base = "\n".join(line for line in CONFIG.splitlines() if line.split(" ")[0] not in more.split())
    Path("run.toml").write_text(base + "\n" + more)
    done = train(recipe, "--config", "run.toml", "--out", "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("record ") == 1
    chosen = find_recipe(recipe)
    saved = checkpoint.read(Path("two"))
    one = run.start(chosen, chosen.configure(saved.config), Path("one"))
    alone = trainer.train(one)
    assert alone is not None
    for name, array in one.learner.state().items():
        scale = max(1.0, float(np.abs(array).max()))
        np.testing.assert_allclose(saved.learner[name], array, rtol=0, atol=1e-10 * scale, err_msg=name)
    joint = record.read(Path("two"))
    assert (joint.processes, alone.processes) == (2, 1)
    for ours, theirs in zip(joint.curves, alone.curves, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-9)
        assert ours.metrics() == pytest.approx(theirs.metrics(), rel=1e-9)


STOPPED_AFTER_7 = """
from pathlib import Path
from backproof.training import run, trainer
from backproof.training.processes import all_processes
with all_processes() as processes:
    cut = run.resume(Path("cut"), processes=processes)
    trainer.train(cut, trainer.Callbacks(should_stop=lambda: cut.progress.step >= 7))
"""


def test_a_stopped_run_of_two_processes_ends_bit_equal() -> None:
    base = "\n".join(line for line in CONFIG.splitlines() if line.split(" ")[0] not in TOGETHER.split())
    Path("run.toml").write_text(base + "\n" + MLP + TOGETHER + "dropout = 0.2\n")
    assert train("mlp-torch", "--config", "run.toml", "--out", "whole").returncode == 0
    recipe = find_recipe("mlp-torch")
    run.start(recipe, recipe.configure(checkpoint.read(Path("whole")).config), Path("cut"))
    Path("stop.py").write_text(STOPPED_AFTER_7)
    subprocess.run(torchrun("stop.py"), check=True, capture_output=True, timeout=200)
    assert checkpoint.read(Path("cut")).progress.step == 7
    assert train("--resume", "cut").returncode == 0
    whole, cut = (checkpoint.read(Path(folder)) for folder in ("whole", "cut"))
    assert (cut.progress.curves, cut.progress.averaged) == (whole.progress.curves, whole.progress.averaged)
    for name, array in whole.learner.items():
        np.testing.assert_array_equal(cut.learner[name], array, err_msg=name)


def test_a_batch_that_does_not_part_evenly() -> None:
    done = train("mlp-torch", "--data", "digits", "--batch-size", 41)
    assert done.returncode != 0
    assert "batch_size 41 does not part evenly among 2 processes; choose a multiple of 2" in done.stderr
    assert not Path("runs").exists()


def test_a_numpy_network_trains_in_one_process() -> None:
    done = train("mlp-numpy", "--data", "digits")
    assert "recipe mlp-numpy trains in one process; start it without torchrun" in done.stderr


@pytest.fixture
def group_of_one(tmp_path: Path) -> Iterator[None]:
    """A process group that this process has for itself: to learners, one of torchrun's."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("norm", ["manual", "autograd"])
def test_a_network_that_shares_statistics_can_be_averaged(norm: str) -> None:
    recipe = find_recipe("mlp-torch")
    settings = recipe.configure({"batch_norm": norm, "hidden": (4,), "ema_decay": 0.5})
    learner = recipe.make_learner(settings, (3, 8, 8), 10, np.random.default_rng(0))
    images = np.random.default_rng(1).normal(size=(6, 3, 8, 8)).astype(np.float32)
    learner.step(images, np.arange(6))
    assert learner.evaluate([(images, np.arange(6))]).loss > 0


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("mlp-torch", {"compile": True}, "torch.compile is for one process here; leave --compile out"),
        ("convnet", {"batch_norm": "native"}, "native batch norm shares statistics among processes on CUDA"),
    ],
)
def test_what_several_processes_cannot_train(name: str, settings: dict[str, Any], reason: str) -> None:
    recipe = find_recipe(name)
    with pytest.raises(ConfigError, match=reason):
        recipe.make_learner(recipe.configure(settings), (3, 32, 32), 10, np.random.default_rng(0))


def rank_of(pid: int) -> str | None:
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((each[5:].decode() for each in environment if each.startswith(b"RANK=")), None)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in Linux' /proc")
@pytest.mark.parametrize("killed", ["0", "1"])
def test_a_worker_that_dies_ends_the_run_which_can_be_resumed(killed: str) -> None:
    Path("run.toml").write_text(CONFIG.replace("steps = 20", "steps = 1000000") + MLP)
    process = subprocess.Popen(
        torchrun("-m", "backproof", "train", "mlp-torch", "--config", "run.toml", "--out", "run"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("step"):
            pass
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        victim = next(int(pid) for pid in children if rank_of(int(pid)) == killed)
        os.kill(victim, signal.SIGKILL)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Signal 9 (SIGKILL)" in error
    if killed == "1":
        assert re.search(
            r"^backproof: run is left as last saved, go on with --resume run: another process of this run "
            r"has ended or cannot be reached \(.*\)$",
            error,
            re.MULTILINE,
        )
    assert "src/backproof" not in error  # as a traceback of ours would say; torchrun shows its own
    saved = checkpoint.read(Path("run"))
    assert saved.progress.step % 10 == 0
    assert saved.progress.step > 0
    resumed = run.resume(Path("run"))
    until = saved.progress.step + 3
    assert (
        trainer.train(resumed, trainer.Callbacks(should_stop=lambda: resumed.progress.step >= until)) is None
    )
    assert checkpoint.read(Path("run")).progress.step == until


def test_ctrl_c_saves_once_and_the_run_goes_on() -> None:
    Path("run.toml").write_text(CONFIG.replace("steps = 20", "steps = 1000000") + MLP)
    process = subprocess.Popen(
        torchrun("-m", "backproof", "train", "mlp-torch", "--config", "run.toml", "--out", "run"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("step"):
            pass
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert error.count("stopped after step") == 1
    step = int(error.partition("stopped after step ")[2].split()[0])
    assert checkpoint.read(Path("run")).progress.step == step
