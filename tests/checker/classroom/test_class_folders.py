"""Checking a class: whatever one folder does, the others get their rows, and no finished one is lost."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from backproof.checker.classroom import process
from backproof.checker.classroom.folders import check_folders, fingerprint

pytestmark = pytest.mark.slow

CLI = Callable[..., tuple[int, str, str]]
Rows = Callable[[], list[dict[str, str]]]
Submission = Callable[..., str]
TABLE = Path("class.csv")


def never() -> bool:
    return False


@pytest.mark.usefixtures("log")
def test_many_folders_and_bad_ones_among_them(cli: CLI, submission: Submission, rows: Rows) -> None:
    names = [submission(f"all-{number:02}") for number in range(35)]
    bad = [submission(f"all-{kind}") for kind in ("refused", "killed", "bug", "talks")]
    Path("empty").mkdir()
    folders = [*names[:20], *bad, *names[20:], "empty", "nowhere", "=1+1"]
    code, out, err = cli("check", *folders, "--csv", TABLE, "--jobs", "4")
    assert (code, err) == (1, "")
    assert "42/42  " in out
    assert "all-07  1 of 1.5 points, 1 check not right, 1.2 s" in out
    table = {row["folder"]: row for row in rows()}
    assert list(table) == [*folders[:-1], "'=1+1"]  # in the order given, whichever came first
    good = table["all-07"]
    assert (good["points 1.2"], good["points 4"], good["total"], good["of"]) == ("1", "", "1", "1.5")
    assert (good["verdict"], good["not right"], good["causes"]) == ("wrong", "1.2/linear.db", "missing 1/B")
    assert (good["seconds"], good["error"], good["isolation"]) == ("1.2", "", "bubblewrap, no network")
    assert table["all-refused"]["error"] == "no such luck"
    assert table["all-killed"]["error"] == "the check ended with signal SIGKILL: no report"
    assert table["all-bug"]["error"] == (
        "the check ended with exit code 1: ValueError: \\x1b[2J of the checker"
    )
    assert table["all-talks"]["error"] == "the check ended with exit code 0: no report"
    assert "has none of the course's files" in table["empty"]["error"]
    assert "is not a folder" in table["nowhere"]["error"]
    assert {table[each]["verdict"] for each in [*bad, "empty", "nowhere"]} == {"could not run"}


def test_a_folder_has_one_row_however_it_is_written(
    cli: CLI, log: Path, submission: Submission, rows: Rows
) -> None:
    cli("check", submission("a"), "a/", "./a", "--csv", TABLE)
    cli("check", "a/.", "--csv", TABLE)
    assert [row["folder"] for row in rows()] == ["a"]
    assert log.read_text().split() == ["a"]


def test_it_goes_on_where_it_was(cli: CLI, log: Path, submission: Submission, rows: Rows) -> None:
    folders = [submission(name) for name in ("a", "b", "c-killed")]
    cli("check", *folders, "--csv", TABLE)
    log.unlink()
    submission("a", "x = 2")
    Path("b", "__pycache__").mkdir()
    Path("b", "__pycache__", "x.pyc").touch()
    _, out, _ = cli("check", *folders, submission("d"), "--csv", TABLE, "--jobs", "1")
    assert sorted(log.read_text().split()) == ["a", "c-killed", "d"]  # b is as it was
    assert "b  1 of 1.5 points, 1 check not right, as before" in out
    assert [row["folder"] for row in rows()] == ["a", "b", "c-killed", "d"]
    log.unlink()
    cli("check", "b", "--csv", TABLE, "--seed", "1")
    assert log.read_text().split() == ["b"]
    assert {row["folder"]: row["seed"] for row in rows()} == {"a": "0", "b": "1", "c-killed": "0", "d": "0"}


def test_a_class_through_the_real_command(cli: CLI, submission: Submission, rows: Rows) -> None:
    assert cli("check", submission("module"), submission("-b"), "--csv", TABLE)[:2] == (2, "")
    code, _, err = cli("check", "--csv", TABLE, "--only", "1.2/accuracy", "--", "./module", "-b")
    assert (code, err) == (1, "")
    assert [(row["folder"], row["verdict"], row["causes"]) for row in rows()] == [
        ("module", "wrong", "not implemented"),
        ("'-b", "wrong", "not implemented"),
    ]


def test_the_program_that_is_called_again_answers() -> None:
    done = subprocess.run([*process.COMMAND, "check", "--help"], capture_output=True, text=True, check=True)
    assert "--hints" in done.stdout


@pytest.mark.usefixtures("log")
def test_a_stop_loses_nothing(submission: Submission, rows: Rows) -> None:
    folders = [submission(name) for name in "abcdef"]
    said: list[str] = []
    finished = check_folders(folders, TABLE, jobs=1, should_stop=lambda: len(said) >= 2, say=said.append)
    assert finished is None
    kept = [row["folder"] for row in rows()]
    assert 2 <= len(kept) < 6
    again: list[str] = []
    assert check_folders(folders, TABLE, jobs=2, should_stop=never, say=again.append) is False
    assert sum("as before" in line for line in again) == len(kept)
    assert [row["folder"] for row in rows()] == folders


def test_a_stop_ends_what_runs(log: Path, submission: Submission) -> None:
    folders = [submission(name) for name in ("a-hangs", "b-hangs", "c-hangs")]
    assert check_folders(folders, TABLE, jobs=2, should_stop=log.exists, say=print) is None
    assert not TABLE.exists()


@pytest.mark.usefixtures("log")
def test_a_check_that_never_ends_is_ended(
    monkeypatch: pytest.MonkeyPatch, submission: Submission, rows: Rows
) -> None:
    monkeypatch.setattr(process, "LONGEST_SECONDS", 0.3)
    check_folders([submission("a-hangs")], TABLE, should_stop=never, say=print)
    assert rows()[0]["error"].startswith("the check took longer than")


@pytest.mark.usefixtures("log")
def test_what_a_check_leaves_behind_is_removed(
    submission: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "fake.py").write_text("import tempfile; tempfile.mkstemp()")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    check_folders([submission("a")], TABLE, should_stop=never, say=print)
    assert not list(scratch.iterdir())


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_the_rows(sent: signal.Signals, submission: Submission, rows: Rows) -> None:
    program = (
        "import os, signal, sys\n"
        f"signal.signal({int(sent)}, signal.default_int_handler)\n"  # which nohup would have it ignore
        "from backproof.checker.classroom import process\n"
        f"process.COMMAND = {process.COMMAND!r}\n"
        "from backproof.cli import output\n"
        f"output.say = lambda text: os.kill(os.getpid(), {int(sent)})\n"  # once the first row is there
        "from backproof.cli.main import main\n"
        "sys.exit(main())"
    )
    folders = [submission("a"), submission("b-hangs")]
    command = [sys.executable, "-c", program, "check", *folders, "--csv", str(TABLE), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, [row["folder"] for row in rows()]) == (130, ["a"])
    assert "go on by the same command" in done.stderr


@pytest.mark.usefixtures("log")
def test_two_do_not_fill_the_same_table(cli: CLI, submission: Submission) -> None:
    with filelock.FileLock(".class.csv.lock"):
        code, out, err = cli("check", submission("a"), "--csv", TABLE)
    assert (code, out) == (2, "")
    assert "another backproof check is filling class.csv" in err
    assert cli("check", "a", "--csv", TABLE)[0] == 1


def test_a_fingerprint_is_of_the_files(submission: Submission) -> None:
    first = fingerprint(Path(submission("a")))
    assert fingerprint(Path(submission("b"))) == first
    Path("a", ".git").mkdir()
    Path("a", ".git", "index").touch()
    assert fingerprint(Path("a")) == first
    Path("a", "more.py").touch()
    second = fingerprint(Path("a"))
    Path("a", "more.py").rename(Path("a", "other.py"))
    assert len({first, second, fingerprint(Path("a"))}) == 3
    assert fingerprint(Path(submission("b", "x = 2"))) != first
