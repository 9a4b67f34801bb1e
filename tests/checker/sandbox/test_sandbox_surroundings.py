"""What a submission sees, and what it leaves behind."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backproof.checker.calls import Call, Fetch
from backproof.checker.sandbox import Session
from checker.sandbox.hostile import LIMITS, MODULES, ask, processes_with

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parents[3] / "src" / "backproof"


def test_the_copy_is_what_the_submission_spoils(session: Session, folder: Path) -> None:
    session.reset()
    assert ask(session, "spoil") == 1
    ran = {file.path: file for file in session.files()}
    assert ran["code/added.py"].sha256 == hashlib.sha256(b"x = 1\n").hexdigest()
    assert ran["code/modules.py"].sha256 == hashlib.sha256(MODULES.encode()).hexdigest()
    assert ran["code/modules.py"].origin == "submission"
    session.reset()
    (answer,) = session.run([Fetch("modules.spoiled")])
    assert answer.failure is not None
    assert answer.failure.kind == "missing"
    assert (folder / "code" / "modules.py").read_text() == MODULES
    assert not (folder / "code" / "added.py").exists()


def test_no_credentials_are_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    with Session(folder, LIMITS) as session:
        environment = ask(session, "environment")
    assert "secret" not in str(environment)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["PATH"] == "/usr/bin:/bin"
    for name in ("HOME", "TMPDIR"):
        assert not Path(environment[name]).is_relative_to(Path.home())
        assert not Path(environment[name]).exists()  # any more


def test_a_folder_and_an_input_of_its_own(session: Session, tmp_path: Path) -> None:
    session.reset()
    home = Path(ask(session, "environment")["HOME"])
    cwd, first, file = ask(session, "where")
    assert cwd == first == str(Path(file).parent)
    assert Path(cwd).parent == home
    assert not (Path(cwd) / "secret.txt").exists()
    assert not (Path(cwd) / "__pycache__").exists()
    assert ask(session, "read_input") == ""
    assert ask(session, "write_to", str(home / "x")) == "written"
    is_inside = session.isolation.startswith("bubblewrap")
    assert ask(session, "write_to", str(tmp_path / "x")) == ("refused" if is_inside else "written")
    if is_inside:
        assert ask(session, "write_to", "/dev/shm/x") == "refused"


def test_nothing_of_the_checker_is_in_the_process(session: Session) -> None:
    session.reset()
    assert not [name for name in ask(session, "imported") if "backproof" in name or "sandbox" in name]
    niceness, processes = ask(session, "scheduling")
    assert niceness == min(19, os.nice(0) + 10)
    assert (processes == 2) == session.isolation.startswith("bubblewrap")


def test_bubblewrap_shuts_the_network_off(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = list(server.getsockname())
        (answer,) = session.run([Call("c", "socket.create_connection", (address,), {"timeout": 1})])
    assert (answer.failure is not None) == session.isolation.startswith("bubblewrap")


def test_without_bubblewrap_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Session(folder, LIMITS) as session:
        assert "bubblewrap is not installed, so the network and the user's files" in session.isolation


SCRIPT = """
import sys, time
from pathlib import Path
from backproof.checker.calls import Call, Fetch
from backproof.checker.sandbox import Session

with Session(Path(sys.argv[1])) as session:
    (answer,) = session.run([Call("sum", "modules.add", (1, 2))])
    mark = session._supervisor._mark
    print(answer.value, session.isolation.partition(":")[0], session._base, mark, flush=True)
    if sys.argv[2:]:
        time.sleep(600)
"""


def test_a_package_and_a_folder_in_odd_places(folder: Path, tmp_path: Path) -> None:
    """Temporary folders are hidden in bubblewrap."""
    home = tmp_path / "mit Leerraum und Ümlaut"
    shutil.copytree(SOURCE, home / "backproof", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(folder, home / "Übung 1", symlinks=True)
    environment = os.environ | {"PYTHONPATH": str(home), "TMPDIR": str(home)}
    command = [sys.executable, "-P", "-c", SCRIPT, str(home / "Übung 1")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.stderr, done.stdout.split()[0]) == ("", "3")
    assert sorted(path.name for path in home.iterdir()) == ["backproof", "Übung 1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_checker_leaves_nothing_behind(folder: Path, tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-P", "-c", SCRIPT, str(folder), "wait"]
    pipe = subprocess.PIPE
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as checker:
        assert checker.stdout is not None
        value, _, base, mark = checker.stdout.readline().rsplit(maxsplit=3)
        assert value == "3"
        assert processes_with(mark, "environ")
        checker.send_signal(number)
    while processes_with(mark, "environ"):  # a killed checker has no time to wait for them
        pass
    left = [path for path in tmp_path.rglob("*") if path != Path(base)]
    assert not left
    assert not Path(base).exists() or number == signal.SIGKILL  # an empty folder
