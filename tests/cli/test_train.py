"""A run from settings to record, on the embedded images."""

import json
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import msgspec
import numpy as np
import pytest
from PIL import Image

from backproof import data
from backproof.cli.main import main
from backproof.training import checkpoint, record
from backproof.training.record import RunRecord

pytestmark = pytest.mark.slow

CLI = Callable[..., tuple[int, str, str]]
Beforehand = Callable[[], AbstractContextManager[pytest.MonkeyPatch]]
SETTINGS = (
    "--data",
    "digits",
    "--steps",
    "25",
    "--eval-every",
    "10",
    "--batch-size",
    "50",
    "--hidden",
    "16,8",
)


@pytest.fixture(scope="module")
def trained_before(beforehand: Beforehand) -> Path:
    with beforehand():
        assert main(["train", "mlp-numpy", *SETTINGS, "--seed", "7", "--out", "run"]) == 0
        return Path("run").absolute()


@pytest.fixture
def trained(trained_before: Path) -> Path:
    """A run of these settings, the test's own to change."""
    return Path(shutil.copytree(trained_before, "run"))


def test_the_default_run_learns_the_digits(cli: CLI) -> None:
    code, out, _ = cli("train", "mlp-numpy", "--data", "digits", "--steps", "300", "--out", "run")
    assert code == 0
    assert record.read(Path("run")).final["test_accuracy"] > 0.95
    assert "run/curves.png" in out
    assert "run/record.json" in out


def test_the_record_says_all(trained: Path) -> None:
    content = json.loads((trained / "record.json").read_bytes())
    assert content["schema"] == "backproof.record/1"
    assert (content["recipe"], content["seed"]) == ("mlp-numpy", 7)
    assert content["config"]["hidden"] == [16, 8]
    assert content["config"]["learning_rate"] == 0.002
    assert [point["step"] for point in content["curves"]] == [10, 20, 25]
    keys = {"step", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "gradient_norms"}
    assert all(point.keys() == keys for point in content["curves"])
    assert content["final"] == {name: content["curves"][-1][name] for name in ("test_loss", "test_accuracy")}
    assert content["seconds"] > 0
    assert content["images_per_second"] > 0
    assert content["peak_rss_mb"] > 10
    environment = content["environment"]
    assert {"python", "backproof", "numpy"} <= environment["versions"].keys()
    assert environment["cores"] >= 1
    assert environment["cpu"]
    assert environment["threads"]


def test_the_record_obeys_its_json_schema(trained: Path) -> None:
    jsonschema.validate(json.loads((trained / "record.json").read_bytes()), msgspec.json.schema(RunRecord))


def test_the_last_evaluation_is_of_the_saved_network(trained: Path) -> None:
    saved = checkpoint.read(trained)
    x = data.load("digits").test.centred(slice(None)).reshape(360, -1)
    for number in (1, 2, 3):
        x = x @ saved.learner[f"linear{number}.weight"].T + saved.learner[f"linear{number}.bias"]
        x = np.where(x > 0, x, np.float32(0.02) * x) if number < 3 else x
    accuracy = (x.argmax(1) == data.load("digits").test.labels).mean()
    assert record.read(trained).final["test_accuracy"] == pytest.approx(accuracy)


def test_training_metrics_are_means_over_the_batches_since_the_last_point(cli: CLI) -> None:
    cli("train", "mlp-numpy", *SETTINGS[:4], "--eval-every", "1", "--out", "fine")
    cli("train", "mlp-numpy", *SETTINGS[:4], "--eval-every", "10", "--out", "coarse")
    fine = record.read(Path("fine")).curves
    for (before, after), point in zip(
        pairwise([0, 10, 20, 25]), record.read(Path("coarse")).curves, strict=True
    ):
        part = fine[before:after]
        assert point.train_loss == pytest.approx(np.mean([each.train_loss for each in part]))
        assert point.train_accuracy == pytest.approx(np.mean([each.train_accuracy for each in part]))
        assert (point.test_loss, point.test_accuracy) == (part[-1].test_loss, part[-1].test_accuracy)


def test_curves_are_pictures(trained: Path) -> None:
    with Image.open(trained / "curves.png") as png:
        assert png.format == "PNG"
        assert png.width > 1000
    root = ElementTree.fromstring((trained / "curves.svg").read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_run_is_repeated_by_its_record(cli: CLI, trained: Path) -> None:
    code, _, _ = cli("train", "mlp-numpy", "--config", trained / "record.json", "--out", "again")
    assert code == 0
    first, again = record.read(trained), record.read(Path("again"))
    assert (again.curves, again.config) == (first.curves, first.config)


def test_flags_go_over_a_file_and_a_file_over_defaults(cli: CLI) -> None:
    Path("s.toml").write_text('data = "digits"\nepochs = 9.0\nhidden = [4]\nbatch_size = 20\n')
    cli("train", "mlp-numpy", "--config", "s.toml", "--steps", "3", "--out", "run")
    config = record.read(Path("run")).config
    assert (config["data"], config["steps"], config["hidden"], config["eval_every"]) == (
        "digits",
        3,
        [4],
        100,
    )
    assert config["epochs"] == 0


def test_a_mistake_in_a_file_names_the_file(cli: CLI) -> None:
    Path("s.toml").write_text('data = "digits"\nsteps = -1\n')
    code, _, err = cli("train", "mlp-numpy", "--config", "s.toml", "--out", "run")
    assert code == 2
    assert err == "backproof: settings file s.toml: steps must be 1 to 2147483647, not -1\n"


def test_another_seed_is_another_run(cli: CLI, trained: Path) -> None:
    cli("train", "mlp-numpy", *SETTINGS, "--seed", "8", "--out", "other")
    assert record.read(Path("other")).curves != record.read(trained).curves


def test_no_hidden_layer_is_logistic_regression(cli: CLI) -> None:
    code, _, _ = cli("train", "mlp-numpy", *SETTINGS[:-1], "", "--out", "run")
    assert code == 0
    assert list(checkpoint.read(Path("run")).learner) == ["linear1.bias", "linear1.weight"]


def test_a_deep_network_that_learnt_nothing_says_so(cli: CLI) -> None:
    _, out, _ = cli("train", "mlp-numpy", *SETTINGS[:-1], "8,8", "--out", "deep")
    assert "note      the loss is still that of guessing" in out
    _, out, _ = cli("train", "mlp-numpy", *SETTINGS[:-1], "8", "--out", "shallow")
    assert "guessing" not in out


def test_a_validation_split_keeps_the_test_set_out(cli: CLI) -> None:
    code, out, _ = cli("train", "mlp-numpy", *SETTINGS, "--validation-size", "200", "--out", "run")
    assert code == 0
    assert "evaluated on 200 validation images" in out
    content = json.loads(Path("run/record.json").read_bytes())
    assert content["final"].keys() == {"validation_loss", "validation_accuracy"}
    assert not any(name.startswith("test") for point in content["curves"] for name in point)


def test_runs_get_names_of_their_own_and_none_is_overwritten(cli: CLI, trained: Path) -> None:
    before = (trained / "record.json").read_bytes()
    code, _, err = cli("train", "mlp-numpy", *SETTINGS, "--out", trained)
    assert code == 2
    assert "run exists already and is left as it is" in err
    assert (trained / "record.json").read_bytes() == before
    for _ in range(3):
        assert cli("train", "mlp-numpy", *SETTINGS)[0] == 0
    names = [path.name for path in Path("runs").iterdir()]
    assert len(names) == 3
    assert all(re.fullmatch(r"mlp-numpy-\d{8}-\d{6}(-\d+)?", name) for name in names)


def test_a_run_leaves_only_its_own_files(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()} - {".lock"}
    assert names == {
        "checkpoint.safetensors",
        "predictions.safetensors",
        "record.json",
        "curves.png",
        "curves.svg",
    }
    assert [path.name for path in Path().iterdir()] == ["run"]


def test_plain_lines_where_nobody_watches(cli: CLI) -> None:
    _, out, _ = cli("train", "mlp-numpy", *SETTINGS, "--out", "run")
    lines = [line for line in out.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["10/25", "20/25", "25/25"]
    assert "\x1b" not in out
    assert max(map(len, lines)) <= 79


def test_a_file_in_the_way_of_runs_is_named(cli: CLI) -> None:
    Path("runs").write_text("")
    code, _, err = cli("train", "mlp-numpy", *SETTINGS)
    assert code == 2
    assert err == "backproof: cannot make the run's folder runs: File exists; name another place with --out\n"


def test_the_mlp_reaches_the_assignments_accuracy(cli: CLI, real_cifar10: Path) -> None:
    code, _, _ = cli("train", "mlp-numpy", "--data-dir", real_cifar10, "--out", "run")
    assert code == 0
    final = record.read(Path("run"))
    assert 0.42 <= final.final["test_accuracy"] <= 0.52
    assert [point.step for point in final.curves] == list(range(100, 1501, 100))
