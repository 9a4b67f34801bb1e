"""The command check: what it asks for, what it refuses, and its exit codes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backproof.cli.main import main
from checker.output.reports import RIGHT, report

CLI = Callable[..., tuple[int, str, str]]


def test_options_reach_the_checks(cli: CLI, found: dict[str, Any]) -> None:
    found["report"] = report(RIGHT)
    code, out, err = cli("check", "hand-in", "--only", "1.2", "--only", "4", "--seed", "3")
    assert (code, err) == (0, "")
    assert found["asked"] == (Path("hand-in"), 3, ("1.2", "4"))
    assert "1 of 1 points, 1 of 1 checks right" in out


def test_a_layer(cli: CLI, found: dict[str, Any]) -> None:
    Path("a:b.py").touch()
    found["report"] = report(RIGHT, folder="a:b.py:Linear")
    assert cli("check", "module", "a:b.py:Linear", "--seed", "5")[0] == 0
    assert found["asked"] == (Path("a:b.py"), "Linear", 5)


def test_a_folder_called_module(cli: CLI, found: dict[str, Any]) -> None:
    Path("module").mkdir()
    assert cli("check", "./module")[0] == 1
    assert found["asked"][0] == Path("module").absolute()


def test_no_check_is_a_failure(cli: CLI, found: dict[str, Any]) -> None:
    found["report"] = report()
    assert cli("check", "hand-in") == (2, "", "backproof: no check ran, so nothing is proven\n")


def test_what_may_not_be_read(cli: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_file(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    Path("hand-in").mkdir()
    monkeypatch.setattr(Path, "is_file", is_file)
    code, _, err = cli("check", "hand-in")
    assert code == 2
    assert err.endswith("modules.py: Permission denied\n")


LONG = "x" * 300
REFUSED = {
    ("nowhere",): "there is no folder 'nowhere'",
    ("",): "there is no folder ''",
    ("hand-in", "hand-in"): "several folders need --csv FILE",
    ("hand-in", "--jobs", "2"): "--jobs is for several folders",
    ("hand-in", "--csv", "t.csv", "--json"): "goes without --json",
    ("hand-in", "--csv", "nowhere/t.csv"): "there is no folder nowhere",
    ("hand-in", "--html", "nowhere/p.html"): "there is no folder nowhere",
    ("hand-in", "--html", "hand-in"): "it is a folder; name a file",
    ("hand-in", "--html", "/dev/null"): "it is no regular file",
    ("hand-in", "--csv", "/dev/null"): "it is no regular file",
    ("hand-in", "--html", LONG): "File name too long",
    ("hand-in", "--csv", LONG): "File name too long",
    ("hand-in", "--csv", LONG[:250]): "File name too long",
    (LONG,): "File name too long",
    ("hand-in", "", "--csv", "t.csv"): "there is no folder ''",
    ("module", f"{LONG}:A"): "File name too long",
    ("module",): "backproof check module FILE:CLASS",
    ("module", "a.py"): "a layer is FILE:CLASS",
    ("module", "a.py:"): "a layer is FILE:CLASS",
    ("module", "a.py:A", "--only", "2"): "without --only",
    ("module", "a.py:A"): "there is no file 'a.py'",
    (): "Missing argument",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_mistakes_get_one_line(cli: CLI, found: dict[str, Any], arguments: tuple[str, ...]) -> None:
    code, out, err = cli("check", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("backproof: ")
    assert REFUSED[arguments] in err
    assert err.count("\n") == 1
    assert "asked" not in found


@pytest.mark.usefixtures("found")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_report_that_cannot_be_written_is_no_success(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["check", "hand-in", *flags]) == 2
    assert capsys.readouterr().err == "backproof: cannot write the output: No space left on device\n"


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("is_open", [True, False])
def test_a_report_that_nobody_reads_has_its_exit_code(is_open: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as unread:
        monkeypatch.setattr("sys.stdout", unread if is_open else None)
        assert main(["check", "hand-in"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_what_is_open(sent: signal.Signals, tmp_path: Path) -> None:
    program = (
        "import signal, sys, tempfile, time, types\n"
        f"signal.signal({int(sent)}, signal.SIG_DFL)\n"  # which nohup would have it ignore
        "def check_folder(*_, **__):\n"
        "    with tempfile.TemporaryDirectory(dir='.'):\n"
        "        print('started', flush=True)\n"
        "        time.sleep(60)\n"
        "fake = types.ModuleType('backproof.checker.check')\n"
        "fake.check_folder = check_folder\n"
        "sys.modules[fake.__name__] = fake\n"
        "from backproof.cli.main import main\n"
        "sys.exit(main(['check', '.']))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(sent)
        assert process.wait() == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags", [[], ["--csv", "class.csv"]])
def test_a_check_that_does_not_exist(cli: CLI, flags: list[str]) -> None:
    Path("hand-in").mkdir()
    Path("hand-in/modules.py").touch()
    code, out, err = cli("check", "hand-in", "--only", "1.2/linear.bd", *flags)
    assert (code, out) == (2, "")
    assert "1.2/linear.db" in err
    assert err.count("\n") == 1
    assert not Path("class.csv").exists()


def test_a_folder_without_code(cli: CLI) -> None:
    Path("empty").mkdir()
    code, _, err = cli("check", "empty")
    assert code == 2
    assert "has none of the course's files" in err
    assert err.count("\n") == 1
