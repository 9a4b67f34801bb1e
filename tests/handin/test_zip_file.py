"""The hand-in: what is in it, that it runs where only the libraries are, and what is refused."""

import importlib.util
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from backproof.errors import ConfigError
from backproof.handin import zip_file
from course_folder import CODE
from py2_batches import write_folder

CLI = Callable[..., tuple[int, str, str]]
ROOT = CODE.parents[1]
SOURCE = ROOT / "src" / "backproof"
PDF = b"%PDF-1.7 a report"
ZIP = Path("Jansen_assignment1.zip")


@pytest.fixture
def report() -> Path:
    folder = Path("report")
    folder.mkdir()
    (folder / "report.pdf").write_bytes(PDF)
    return folder


@pytest.fixture
def unpacked(cli: CLI, report: Path, tmp_path: Path) -> Path:
    """The hand-in's own code folder, somewhere else."""
    code, _, err = cli("pack", "--lastname", "Jansen", "--report", report)
    assert (code, err) == (0, "")
    with zipfile.ZipFile(ZIP) as archive:
        archive.extractall(tmp_path / "elsewhere")
    return tmp_path / "elsewhere" / "assignment_1" / "code"


def run(folder: Path, *arguments: object, first: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with the libraries, but without the installed backproof.

    Without site-packages' .pth files, that is, through which an editable installation is found.
    """
    libraries = str(Path(np.__file__).parents[1])
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "BACKPROOF_CACHE") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-S", "-W", "error", *map(str, arguments)],
        cwd=folder,
        env=kept | {"PYTHONPATH": os.pathsep.join(filter(None, (first, libraries))), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def package_files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


# What is in it


@pytest.mark.usefixtures("report")
def test_the_zip_has_the_courses_layout(cli: CLI) -> None:
    code, out, _ = cli("pack", "--lastname", "Jansen")
    assert code == 0
    assert out.splitlines()[0] == str(ZIP)
    assert len(out.splitlines()) == 3
    with zipfile.ZipFile(ZIP) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert list(files) == sorted(files)
    assert files.pop("assignment_1/report.pdf") == PDF
    assert b"python unittests.py" in files.pop("assignment_1/README.txt")
    assert files.pop("assignment_1/LICENSE") == (CODE.parents[1] / "LICENSE").read_bytes()
    files.pop("assignment_1/requirements.txt")
    code_files = {name.removeprefix("assignment_1/code/"): content for name, content in files.items()}
    course = {path.name: path.read_bytes() for path in CODE.glob("*.py")}
    package = {f"backproof/{name}": content for name, content in package_files(SOURCE).items()}
    assert code_files == course | package
    assert {"unittests.py", "backproof/py.typed", "backproof/numpy_nn/linear.py"} <= code_files.keys()


def test_readme_names_every_script() -> None:
    for script in (*CODE.glob("train_*.py"), CODE / "unittests.py", CODE / "custom_batchnorm.py"):
        assert f"    python {script.name}" in zip_file.README


def test_only_sources_of_the_package_are_taken(
    monkeypatch: pytest.MonkeyPatch, report: Path, tmp_path: Path
) -> None:
    package = tmp_path / "backproof"
    for name in (
        "a.py", "report/page.typ", "report/py.typed", "assignment_1/code/b.py",
        "__pycache__/a.cpython-311.pyc", "report/__pycache__/x.pyc", ".hidden/c.py", "report/.a.py.swp",
    ):  # fmt: skip
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    monkeypatch.setattr(zip_file, "PACKAGE", package)
    taken = {name for name in zip_file.contents(report) if name.startswith("assignment_1/code/backproof/")}
    assert taken == {
        f"assignment_1/code/backproof/{name}" for name in ("a.py", "report/page.typ", "report/py.typed")
    }


def test_requirements_are_the_installed_versions(report: Path) -> None:
    lines = zip_file.contents(report)["assignment_1/requirements.txt"].decode().splitlines()
    assert f"numpy=={version('numpy')}" in lines
    assert f"scikit-learn=={version('scikit-learn')}" in lines
    assert any(line.startswith("torch") for line in lines)
    assert not any(";" in line or "+" in line for line in lines)
    assert not any(line.startswith(("pytest", "ruff", "mypy", "backproof")) for line in lines)


def test_requirements_of_every_form(monkeypatch: pytest.MonkeyPatch, report: Path) -> None:
    installed = {"numpy": "2.4.6", "torch": "2.13.0+cpu", "typst-py": "1!0.13", "zope.interface": "7.2"}
    declared = [
        "zope.interface ~= 7.0", "torch>=2.13; extra == 'torch'", 'pytest>=8.3; extra == "dev"', "numpy",
        "typst-py[all]>=0.13", "missing>=2 ; extra == 'torch'", "uvloop>1; sys_platform != 'win32'",
    ]  # fmt: skip

    def find(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(zip_file, "requires", lambda _: declared)
    monkeypatch.setattr(zip_file, "version", find)
    lines = zip_file.contents(report)["assignment_1/requirements.txt"].decode().splitlines()
    assert lines == [
        "missing>=2", "numpy==2.4.6", "torch==2.13.0", "typst-py==1!0.13",
        "uvloop>1; sys_platform != 'win32'", "zope.interface==7.2",
    ]  # fmt: skip


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    files = {"assignment_1/b": b"2", "assignment_1/a": b"1" * 1000}
    zip_file.write(tmp_path / "one.zip", files)
    os.utime(tmp_path / "one.zip", (0, 0))
    zip_file.write(tmp_path / "two.zip", dict(reversed(files.items())))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert stat.filemode(entry.external_attr >> 16) == "-rw-r--r--"
        assert archive.read("assignment_1/b") == b"2"


# It runs elsewhere


@pytest.mark.slow
def test_unpacked_elsewhere_it_tests_itself_and_trains(unpacked: Path, rng: np.random.Generator) -> None:
    for place in (unpacked, unpacked.parent):
        done = run(place, "-c", "import backproof.errors; print(backproof.__file__)")
        if place == unpacked:
            assert Path(done.stdout.strip()) == unpacked / "backproof" / "__init__.py"
        else:  # so nothing but the copy could be imported
            assert "No module named 'backproof" in done.stderr
    done = run(unpacked, "unittests.py")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr
    write_folder(unpacked / "small", rng)
    done = run(
        unpacked, "train_mlp_numpy.py", "--data_dir", "small", "--max_steps", 5, "--eval_freq", 5,
        "--batch_size", 10,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "evaluated on 20 test images" in done.stdout
    assert len(list((unpacked / "runs").glob("*/record.json"))) == 1


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_unpacked_elsewhere_pytorchs_scripts_run(unpacked: Path, rng: np.random.Generator) -> None:
    done = run(unpacked, "custom_batchnorm.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("passed\n")
    write_folder(unpacked / "small", rng)
    done = run(
        unpacked, "train_mlp_pytorch.py", "--data_dir", "small", "--max_steps", 2, "--eval_freq", 2,
        "--batch_size", 10,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hand_in_cannot_pack_itself(unpacked: Path, report: Path) -> None:
    arguments = ("pack", "--lastname", "Jansen", "--report", report.resolve())
    done = run(unpacked, "-m", "backproof", *arguments)
    assert done.returncode == 2
    assert "the course's files are not with" in done.stderr
    assert done.stderr.count("\n") == 1


# Where the course's files are


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")
def test_an_installed_wheel_packs_the_same(cli: CLI, report: Path, tmp_path: Path) -> None:
    quiet = ("--quiet", "--no-index", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *quiet, ROOT, "-w", tmp_path], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    inside = "backproof/assignment_1/code"
    assert package_files(tmp_path / "installed" / inside) == {
        path.name: path.read_bytes() for path in CODE.glob("*.py")
    }
    (tmp_path / "desk").mkdir()
    arguments = ("-m", "backproof", "pack", "--lastname", "Jansen", "--report", report.resolve())
    done = run(tmp_path / "desk", *arguments, first=str(tmp_path / "installed"))
    assert (done.returncode, done.stderr) == (0, "")
    assert cli("pack", "--lastname", "Jansen")[0] == 0
    assert (tmp_path / "desk" / ZIP).read_bytes() == ZIP.read_bytes()


# What is refused


@pytest.mark.parametrize(
    "name",
    ["Jansen", "jansen", "O'Brien", "O’Brien", "Løvås-Žižek", "Андреев", "शर्मा", "李", "Lo\u0308ve", "x_2"],
)
def test_names_of_any_script(name: str) -> None:
    assert zip_file.file_name(name) == f"{name}_assignment1.zip"


@pytest.mark.parametrize(
    "name",
    ["", " ", "van den Berg", "../Jansen", "a/b", "a\\b", "a.b", "a\0", "a\nb", "a:b", "\udcff", "a\u202e"],
)
def test_other_names_get_one_line(cli: CLI, report: Path, name: str) -> None:
    code, out, err = cli("pack", "--lastname", name)
    assert (code, out) == (2, "")
    assert "letters, digits, hyphens, underscores and apostrophes" in err
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == [report]


def test_a_missing_report_gets_one_line_that_says_how_to_make_it(cli: CLI) -> None:
    for arguments, pdf in (((), "report/report.pdf"), (("--report", "mine"), "mine/report.pdf")):
        code, _, err = cli("pack", "--lastname", "Jansen", *arguments)
        assert code == 2
        assert f"there is no report {pdf} yet" in err
        assert "`backproof reproduce`, or `backproof report RUNS`" in err
        assert err.count("\n") == 1
    assert not list(Path().iterdir())


def test_a_report_that_is_a_folder(cli: CLI) -> None:
    Path("report/report.pdf").mkdir(parents=True)
    code, _, err = cli("pack", "--lastname", "Jansen")
    assert (code, err) == (2, "backproof: cannot read report/report.pdf: Is a directory\n")


@pytest.mark.usefixtures("report")
def test_an_existing_zip_stays(cli: CLI) -> None:
    ZIP.write_bytes(b"handed in")
    code, out, err = cli("pack", "--lastname", "Jansen")
    assert (code, out) == (2, "")
    assert err == f"backproof: {ZIP} exists already and is not overwritten; move or delete it first\n"
    assert ZIP.read_bytes() == b"handed in"


@pytest.mark.usefixtures("report")
def test_a_name_too_long_for_a_file(cli: CLI) -> None:
    code, _, err = cli("pack", "--lastname", "x" * 250)
    assert code == 2
    assert "File name too long" in err
    assert err.count("\n") == 1


def test_where_backproof_is_not_installed(monkeypatch: pytest.MonkeyPatch, report: Path) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(zip_file, "requires", missing)
    with pytest.raises(ConfigError, match="backproof is not installed, so what it needs is unknown"):
        zip_file.contents(report)
