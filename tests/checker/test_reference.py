"""The reference does not pass for a submission."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.checker.reference import is_own_folder, is_reference
from course_folder import CODE

CLI = Callable[..., tuple[int, str, str]]
LINEAR = Path(__file__).parents[2] / "src" / "backproof" / "numpy_nn" / "linear.py"


def check_refused(cli: CLI, folder: Path, file: str, *arguments: str) -> set[str]:
    """See that every finding says why, and that a file is called the reference's; return what ran."""
    code, out, _ = cli("check", "--json", *arguments, folder)
    report = json.loads(out)
    assert code == 1
    assert {finding["verdict"] for finding in report["findings"]} == {"not run"}
    assert all("backproof's own code" in finding["explanation"] for finding in report["findings"])
    origins = {ran["path"]: ran["origin"] for ran in report["files"]}
    assert origins[file] == "reference"
    return set(origins)


@pytest.mark.slow
def test_the_own_folder_is_checked_like_a_strangers(cli: CLI) -> None:
    code, out, _ = cli("check", "--json", CODE)
    report = json.loads(out)
    assert {finding["id"] for finding in report["findings"] if finding["verdict"] != "right"} == set()
    assert code == 0
    assert {ran["origin"] for ran in report["files"]} == {"reference"}


def test_a_copy_of_the_own_folder_is_refused(cli: CLI, tmp_path: Path) -> None:
    shutil.copytree(CODE, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    assert "code/convnet_pytorch.py" not in check_refused(
        cli, tmp_path, "code/modules.py"
    )  # of the last question


def test_a_copied_module_of_another_name_is_refused(cli: CLI, tmp_path: Path) -> None:
    shutil.copy(LINEAR, tmp_path / "helpers.py")
    (tmp_path / "modules.py").write_text("from helpers import Linear as LinearModule\n")
    check_refused(cli, tmp_path, "helpers.py", "--only", "1.2")


def test_the_references_text_is_noticed_however_it_is_run(cli: CLI, tmp_path: Path) -> None:
    (tmp_path / "modules.py").write_text(
        "import importlib.util\n"
        "place = importlib.util.find_spec('backproof').submodule_search_locations[0]\n"
        "exec(open(place + '/numpy_nn/linear.py').read())\n"
        "LinearModule = Linear\n"
    )
    check_refused(cli, tmp_path, "backproof/numpy_nn/linear.py", "--only", "1.2")


@pytest.mark.parametrize(
    ("module", "content", "expected"),
    [
        ("helpers", LINEAR.read_bytes(), True),
        ("helpers", LINEAR.read_bytes() + b"\n", False),
        ("helpers", b"", False),
        ("helpers", b"\n", False),
        ("modules", (CODE / "modules.py").read_bytes(), True),
        ("backproof.anything", b"x = 1", True),
        ("backproofs", b"x = 1", False),
    ],
)
def test_verbatim_copies_and_modules_of_the_package(module: str, content: bytes, expected: bool) -> None:
    assert is_reference(module, content) == expected


def test_only_the_very_folder_is_the_own_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(CODE)
    assert is_own_folder(tmp_path / "link")
    monkeypatch.chdir(CODE.parent)
    assert is_own_folder(Path("code"))
    assert not is_own_folder(tmp_path)
