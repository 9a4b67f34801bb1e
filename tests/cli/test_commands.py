"""The command line: help, listings, and one clear line for whatever the user did wrong."""

import functools
import hashlib
import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof.cli.main import main
from backproof.training import checkpoint
from backproof.training.learners.numpy_learner import NumpyLearner
from py2_batches import archive, pickled, write_folder

CLI = Callable[..., tuple[int, str, str]]
Beforehand = Callable[[], AbstractContextManager[pytest.MonkeyPatch]]
QUICK = ("--data", "digits", "--steps", "4", "--eval-every", "2", "--batch-size", "10", "--hidden", "5")


@pytest.fixture(scope="module")
def trained_before(beforehand: Beforehand) -> Path:
    with beforehand():
        assert main(["train", "mlp-numpy", *QUICK, "--out", "trained"]) == 0
        return Path("trained").absolute()


@pytest.fixture
def run_folder(trained_before: Path) -> Path:
    """A run, the test's own to change."""
    return Path(shutil.copytree(trained_before, "trained"))


@pytest.mark.parametrize("arguments", [["--help"], ["train", "-h"], ["evaluate", "-h"], ["predict", "-h"]])
def test_help(cli: CLI, arguments: list[str]) -> None:
    code, out, err = cli(*arguments)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: backproof")


def test_train_help_shows_each_flag_with_its_default(cli: CLI) -> None:
    _, out, _ = cli("train", "--help")
    for flag in (
        "--data",
        "--data-dir",
        "--hidden",
        "--learning-rate",
        "--steps",
        "--batch-size",
        "--eval-every",
    ):
        assert f"{flag} " in out
    for flag in ("--negative-slope", "--validation-size", "--seed", "--out", "--resume", "--config"):
        assert f"{flag} " in out
    assert "[0.002]" in out


def test_help_imports_nothing_that_computes() -> None:
    code = (
        "import sys; from backproof.cli.main import main; main(['--help']); main(['train', '--help']);"
        "print([m for m in ('numpy', 'torch', 'matplotlib', 'rich', 'sklearn', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(cli: CLI) -> None:
    code, out, _ = cli("--version")
    assert (code, out.split()[0]) == (0, "backproof")


def test_no_command_shows_help(cli: CLI) -> None:
    code, out, _ = cli()
    assert code == 2
    assert "Commands:" in out


def test_recipes(cli: CLI) -> None:
    code, out, _ = cli("recipes")
    assert code == 0
    assert "mlp-numpy" in out


WRONG = {
    "unknown command": (["trains"], "No such command 'trains'"),
    "no recipe": (["train"], "name a recipe"),
    "unknown recipe": (["train", "mlp-nunpy"], "no recipe 'mlp-nunpy'; did you mean 'mlp-numpy'?"),
    "unknown flag": (["train", "mlp-numpy", "--step", "3"], "'--steps'"),
    "flag without value": (["train", "mlp-numpy", "--steps"], "--steps"),
    "text for a number": (["train", "mlp-numpy", "--steps", "many"], "'many' is not a valid integer"),
    "unknown data set": (
        ["train", "mlp-numpy", "--data", "mnist"],
        "'mnist' is not one of 'cifar10', 'digits'",
    ),
    "hidden 0": (["train", "mlp-numpy", "--data", "digits", "--hidden", "0"], "1 to 16777216, not 0"),
    "hidden -1": (["train", "mlp-numpy", "--data", "digits", "--hidden", "-1"], "1 to 16777216, not -1"),
    "more memory than there is": (
        ["train", "mlp-numpy", "--data", "digits", "--hidden", "16777216,16777216"],
        "not enough memory: ",
    ),
    "hidden text": (["train", "mlp-numpy", "--data", "digits", "--hidden", "a,b"], "like 100,100; not 'a,b'"),
    "batch too large": (
        ["train", "mlp-numpy", "--data", "digits", "--batch-size", "1438"],
        "batch_size 1438 is larger than the training set of 1,437 images; choose at most 1437",
    ),
    "validation too large": (
        ["train", "mlp-numpy", "--data", "digits", "--validation-size", "1437"],
        "leaves nothing of the 1,437 training images",
    ),
    "data_dir of digits": (
        ["train", "mlp-numpy", "--data", "digits", "--data-dir", "."],
        "data_dir is for cifar10; digits comes with the installation",
    ),
    "empty data_dir": (["train", "mlp-numpy", "--data-dir", ""], "data_dir is empty"),
    "empty out": (["train", "mlp-numpy", *QUICK, "--out", ""], "'--out': the path is empty"),
    "empty run": (["evaluate", ""], "the path is empty"),
    "home of nobody": (["train", "mlp-numpy", "--data-dir", "~nosuchuser/x"], "does not exist"),
    "zero rate": (["train", "mlp-numpy", "--data", "digits", "--learning-rate", "0"], "above 0"),
    "no settings file": (
        ["train", "mlp-numpy", "--config", "no.toml"],
        "cannot read the settings file no.toml",
    ),
    "no data folder": (["train", "mlp-numpy", "--data-dir", "nowhere"], "nowhere does not exist"),
    "no network": (["train", "mlp-numpy"], "could not fetch CIFAR-10"),
    "no run to resume": (["train", "--resume", "nowhere"], "nowhere is not a run's folder"),
    "resume and settings": (["train", "--resume", "x", "--steps", "9"], "a resumed run keeps its settings"),
    "no run to evaluate": (["evaluate", "nowhere"], "nowhere is not a run's folder"),
    "no run to predict": (["predict", "nowhere", "a.png"], "nowhere is not a run's folder"),
    "no image named": (["predict", "nowhere"], "IMAGE"),
    "out below a file": (
        ["train", "mlp-numpy", *QUICK, "--out", "file/run"],
        "cannot make the run's folder file/run",
    ),
    "nothing to verify": (["data", "verify"], "CIFAR-10 is not on this machine yet"),
    "nothing to locate": (["data", "path"], "CIFAR-10 is not on this machine yet"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_gets_one_clear_line(cli: CLI, arguments: list[str], message: str) -> None:
    Path("file").write_text("")
    code, _, err = cli(*arguments)
    assert code == 2
    assert err.startswith("backproof: ")
    assert err.count("\n") == 1
    assert message in err
    assert [path.name for path in Path().iterdir()] == ["file"], "nothing is made and nothing is lost"


def test_a_read_only_place_for_runs_gets_one_clear_line(cli: CLI) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc, a folder that nobody can write to")
    code, _, err = cli("train", "mlp-numpy", *QUICK, "--out", "/proc/run")
    assert code == 2
    assert "cannot make the run's folder /proc/run" in err
    assert err.count("\n") == 1


def test_evaluate_repeats_the_runs_own_figures(cli: CLI, run_folder: Path) -> None:
    code, out, _ = cli("evaluate", run_folder)
    trained_code, trained_out, _ = cli("train", "--resume", run_folder)
    assert (code, trained_code) == (0, 0)
    accuracy = out.split("accuracy ")[1].strip()
    assert f"test accuracy {accuracy}" in trained_out
    assert "after step 4 of 4, on 360 test images" in out


@pytest.mark.parametrize("recipe", ["mlp-numpy", "mlp-torch"])
def test_evaluate_and_predict_use_the_average_of_weights(cli: CLI, recipe: str) -> None:
    flags = ("--ema-decay", "0.5", "--learning-rate", "0.1", "--out", "averaged")
    assert cli("train", recipe, *QUICK, *flags)[0] == 0
    Image.new("RGB", (8, 8), (9, 200, 30)).save("green.png")
    saved = checkpoint.read(Path("averaged"))
    answers = []
    for zeroed in ((), ("network.linear", "linear"), ("average.",)):
        state = {
            name: np.zeros_like(array) if zeroed and name.startswith(zeroed) and array.ndim else array
            for name, array in saved.learner.items()
        }
        checkpoint.write(Path("averaged"), replace(saved, learner=state))
        answers.append((cli("evaluate", "averaged")[1], cli("predict", "averaged", "green.png")[1]))
    assert answers[0] == answers[1]
    assert answers[2][1].count(" 10.0%") == 3
    assert answers[0][1].count(" 10.0%") < 3


def test_evaluate_gives_the_learners_notes(
    cli: CLI, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NumpyLearner, "notes", ("it is slow here",))
    code, out, err = cli("evaluate", run_folder)
    assert (code, err) == (0, "note      it is slow here\n")
    assert out.startswith("trained after step 4")


def test_the_list_of_commands_cuts_no_sentence_off(cli: CLI) -> None:
    _, out, _ = cli("--help")
    commands = out.partition("Commands:\n")[2].splitlines()
    assert len(commands) > 5
    assert not [line for line in commands if line.endswith("...")]


def test_predict_names_the_likeliest_classes(cli: CLI, run_folder: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("noise.png")
    Image.new("L", (50, 40), 255).save("white.jpg")
    saved = checkpoint.read(run_folder)
    x = (pixels.transpose(2, 0, 1) - saved.mean).reshape(1, -1)
    hidden = x @ saved.learner["linear1.weight"].T + saved.learner["linear1.bias"]
    logits = np.where(hidden > 0, hidden, 0.02 * hidden) @ saved.learner["linear2.weight"].T
    logits = (logits + saved.learner["linear2.bias"])[0]
    p = np.exp(logits) / np.exp(logits).sum()
    expected = [f"{i} {p[i]:.1%}" for i in np.argsort(-p)[:4]]
    code, out, _ = cli("predict", run_folder, "noise.png", "white.jpg", "--top", "4")
    assert code == 0
    first, second = out.splitlines()
    assert first == "noise.png  " + "   ".join(expected)
    assert second.startswith("white.jpg  ")


@pytest.mark.slow
def test_predict_needs_an_image(cli: CLI, run_folder: Path) -> None:
    Path("text.png").write_text("no picture")
    code, _, err = cli("predict", run_folder, "text.png")
    assert code == 2
    assert "text.png is not an image" in err


def test_verify_and_path_of_the_real_data(cli: CLI, real_cifar10: Path) -> None:
    code, out, _ = cli("data", "verify", "--data-dir", real_cifar10)
    assert code == 0
    assert "50,000 training images, 5,000 a class; 10,000 test images, 1,000 a class" in out
    code, out, _ = cli("data", "path", "--data-dir", real_cifar10.parent)
    assert (code, out.strip()) == (0, str(real_cifar10))


@pytest.mark.slow
def test_fetch_tries_the_mirrors_and_prints_the_archive(
    cli: CLI, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batches = write_folder(Path("served"), rng)
    content = archive({f"cifar-10-batches-py/{name}": pickled(batch) for name, batch in batches.items()})
    Path("served/small.tar.gz").write_bytes(content)
    monkeypatch.setenv("BACKPROOF_CIFAR10_MD5", hashlib.md5(content).hexdigest())
    monkeypatch.setenv("BACKPROOF_CACHE", str(tmp_path / "cache"))
    handler = functools.partial(QuietHandler, directory="served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code, out, err = cli(
            "data", "fetch", "--mirror", f"http://127.0.0.1:{server.server_port}/small.tar.gz"
        )
        server.shutdown()
    assert (code, err) == (0, "")
    fetched = Path(out.splitlines()[-1])
    assert fetched.read_bytes() == content
    assert cli("data", "path")[1].strip() == str(fetched)
    code, out, _ = cli("data", "verify")
    assert "100 training images, 10 a class; 20 test images, 2 a class; md5 of the original archive" in out
    monkeypatch.delenv("BACKPROOF_CIFAR10_MD5")
    assert cli("data", "path")[0] == 2, "an archive of another md5 does not stand in for CIFAR-10"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
