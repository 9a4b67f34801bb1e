"""Several workers on one study, in processes of their own: they share it, and no trial is lost with one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backproof.training import checkpoint
from backproof.training.search import search_record
from backproof.training.search.search_record import SearchRecord

pytestmark = pytest.mark.slow

BEATS_EACH_SECOND = (
    "import sys; from backproof.training.search import study; study.HEARTBEAT_SECONDS = 1; "
    "from backproof.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
SEARCH = ("search", "mlp-numpy", "--data", "digits", "--batch-size", "20", "--eval-every", "10")
INTERVAL = ("--vary", "learning_rate={log=[1e-3, 1e-2]}", "--vary", "hidden=[[10], [20]]")


def worker(*arguments: object) -> subprocess.Popen[str]:
    """Start a worker with a heartbeat each second."""
    return subprocess.Popen(
        [sys.executable, "-c", BEATS_EACH_SECOND, *SEARCH, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(*workers: subprocess.Popen[str]) -> list[str]:
    """Wait for workers to end well, and return what they said."""
    try:
        said = [each.communicate(timeout=200) for each in workers]
    finally:
        for each in workers:
            each.kill()
    assert [error for _, error in said] == [""] * len(workers)
    assert [each.returncode for each in workers] == [0] * len(workers)
    return [output for output, _ in said]


def trials_of(output: str) -> list[str]:
    """The numbers of the trials that a worker says it trained."""
    before = output.partition("\n\n")[0]
    return [line.split()[1] for line in before.splitlines() if line.startswith("trial")]


def require_shared(outputs: list[str], found: list[SearchRecord], total: int) -> None:
    assert sorted(int(number) for output in outputs for number in trials_of(output)) == [*range(total)]
    assert found[0].trials == found[1].trials
    assert [trial.number for trial in found[0].trials] == [*range(total)]


def test_two_workers_share_the_trials() -> None:
    arguments = (*INTERVAL, "--steps", 20, "--trials", 9, "--out", "all")
    outputs = ended(worker(*arguments), worker(*arguments))
    found = search_record.read(Path("all"))
    require_shared(outputs, [found, found], 9)
    numbers = {path.name for path in Path("all/trials").iterdir()}
    assert numbers == {str(trial.number) for trial in found.trials if trial.state == "finished"}


def test_two_workers_share_all_combinations() -> None:
    lists = ("--vary", "dropout=[0.0, 0.1]", "--vary", "hidden=[[10], [20], [30]]")
    arguments = (*lists, "--steps", 10, "--storage", "sqlite:///one.db")
    outputs = ended(worker(*arguments, "--out", "a"), worker(*arguments, "--out", "b"))
    found = [search_record.read(Path(out)) for out in ("a", "b")]
    require_shared(outputs, found, 6)
    assert len({json.dumps(trial.values) for trial in found[0].trials}) == 6


def wait_for_step(folder: Path, step: int) -> None:
    """Wait until a run has a checkpoint of this step or a later one."""
    until = time.monotonic() + 100
    while not folder.exists() or checkpoint.read(folder).progress.step < step:
        assert time.monotonic() < until, f"{folder} does not get to step {step}"
        time.sleep(0.02)


def test_the_trial_of_a_killed_worker_is_taken_up_where_it_was() -> None:
    slow = ("--vary", "learning_rate={log=[1e-6, 1e-5]}")
    arguments = (*slow, "--steps", 3000, "--eval-every", 300, "--trials", 1, "--out", "all")
    killed = worker(*arguments)
    try:
        wait_for_step(Path("all/trials/0"), 300)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    step = checkpoint.read(Path("all/trials/0")).progress.step
    assert step < 3000
    ended(worker(*arguments))
    (trial,) = search_record.read(Path("all")).trials
    assert (trial.number, trial.state) == (0, "finished")
    assert [step for step, _ in trial.curve] == [*range(300, 3001, 300)]
    assert [path.name for path in Path("all/trials").iterdir()] == ["0"]


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty database of a server of its own."""
    pytest.importorskip("psycopg", reason="install psycopg[binary] to search with PostgreSQL")
    found = shutil.which("initdb") or max(
        map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=""
    )
    if not found:
        pytest.skip("install PostgreSQL's server to search with it")
    user: list[str] = []
    folder = Path(f"/tmp/backproof-postgresql-{os.getpid()}")
    if os.geteuid() == 0:  # as which it does not run
        if (
            shutil.which("runuser") is None
            or subprocess.run(["id", "postgres"], capture_output=True).returncode
        ):
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        user = ["runuser", "-u", "postgres", "--"]
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    bin_folder = Path(found).parent
    data = folder / "data"
    try:
        subprocess.run(
            [*user, bin_folder / "initdb", "--auth=trust", "--username=me", "--no-sync", "-D", data],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        start = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run(
            [*user, bin_folder / "pg_ctl", "-D", data, "-o", start, "-w", "-l", folder / "log", "start"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        yield f"postgresql+psycopg://me:secret@/postgres?host={folder}"
    finally:
        subprocess.run(
            [*user, bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], capture_output=True
        )
        shutil.rmtree(folder, ignore_errors=True)


def test_workers_with_folders_of_their_own_meet_in_postgresql(postgresql: str) -> None:
    arguments = (*INTERVAL, "--steps", 20, "--trials", 7, "--storage", postgresql)
    outputs = ended(worker(*arguments, "--out", "a"), worker(*arguments, "--out", "b"))
    found = [search_record.read(Path(out)) for out in ("a", "b")]
    require_shared(outputs, found, 7)
    assert not list(Path().rglob("study.db"))
    assert "secret" not in "".join(outputs) + Path("a/search.json").read_text()
