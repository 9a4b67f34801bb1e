"""What a submission can do to the checker: nothing. Each attack is a test, with bubblewrap and without."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from backproof.checker.calls import Call, Failure
from backproof.checker.sandbox import Session
from backproof.checker.sandbox.child.process_table import descendants, processes
from checker.sandbox.hostile import alive, ask, impatient, processes_with

pytestmark = pytest.mark.slow


def check_failure(failure: object, kind: str, message: str) -> None:
    assert isinstance(failure, Failure)
    assert failure.kind == kind, failure
    assert message in failure.message
    assert failure.message.isprintable()
    assert len(failure.message) <= 300


@pytest.mark.parametrize(
    ("attack", "kind", "message"),
    [
        ("exit", "killed", "sys.exit(3)"),
        ("hard_exit", "killed", "exit code 4"),
        ("suicide", "killed", "SIGKILL"),
        ("segfault", "killed", "segmentation fault"),
        ("recursion", "crashed", "RecursionError"),
        ("close_all", "killed", ""),
        ("hog", "killed", "out of memory: more than the 256 MB"),
        ("hog_shared", "killed", "more memory than the 256 MB"),
        ("hog_together", "killed", "more memory than the 256 MB"),
        ("big_file", "crashed", "File too large"),
        ("many_files", "killed", "more than 32 MB of files"),
        ("hidden_files", "killed", "more than 32 MB of files"),
        ("deleted_files", "killed", "more than 32 MB of files"),
        ("files_in_memory", "killed", "more than 32 MB of files"),
        ("garbage", "refused", "not a message"),
        ("announce_much", "refused", "not a message"),
        ("forge", "refused", "not the answer to what was asked"),
        ("huge", "refused", "larger than 512 MB"),
        ("long_list", "refused", "more than"),
        ("evil", "crashed", "Evil"),
        ("evil_stack", "crashed", "ValueError"),
    ],
)
def test_an_attack_is_one_failure_and_nothing_else(
    session: Session, attack: str, kind: str, message: str
) -> None:
    check_failure(ask(session, attack), kind, message)
    assert alive(session)


def test_links_where_the_next_worker_might_be_lead_nowhere(session: Session, tmp_path: Path) -> None:
    check_failure(ask(session, "link_next_folders", str(tmp_path)), "killed", "")
    assert alive(session)
    assert not list(tmp_path.iterdir())


def test_a_thousand_folders_deep_is_removed_again(session: Session) -> None:
    session.reset()
    ask(session, "deep_tree")
    session.reset()
    assert alive(session)


@pytest.mark.parametrize("alone", [False, True])
def test_a_swarm_of_processes_ends_at_its_limit(session: Session, alone: bool) -> None:
    check_failure(ask(session, "bomb", alone), "killed", "more than 64 processes")
    assert alive(session)


def test_a_loop_ends_and_says_where(session: Session) -> None:
    with impatient(session):
        failure = ask(session, "loop")
    check_failure(failure, "too slow", "within 0.5 seconds")
    assert failure.where.startswith("modules.py:")
    assert alive(session)


def test_a_recursion_without_limit_ends(session: Session) -> None:
    with impatient(session):
        assert isinstance(ask(session, "deep"), Failure)
    assert alive(session)


def test_what_a_loop_has_started_ends_with_it(session: Session, mark: str) -> None:
    with impatient(session, seconds=1.0):
        check_failure(ask(session, "leave_and_loop", mark), "too slow", "")
    assert not processes_with(mark, "cmdline")
    assert alive(session)


def test_what_was_left_running_ends_with_a_reset(session: Session, mark: str) -> None:
    session.reset()
    assert ask(session, "leave", mark) == 1
    session.reset()
    assert not processes_with(mark, "cmdline")


def test_the_warden_cannot_be_killed_in_bubblewrap_and_is_started_anew_elsewhere(session: Session) -> None:
    if session.isolation.startswith("bubblewrap"):
        assert ask(session, "kill_parent") == 1
        assert isinstance(ask(session, "kill_all"), Failure | None)
    else:  # kill_all would end the tests, as it may end all that the user runs
        while ask(session, "kill_parent") == 1:  # it takes a moment
            pass
    assert alive(session)


def test_the_worker_ends_with_its_warden(session: Session) -> None:
    session.reset()
    assert alive(session)
    process = session._supervisor._process.pid
    is_inside = session.isolation.startswith("bubblewrap")
    os.kill(descendants(process, processes())[0] if is_inside else process, signal.SIGKILL)
    while ask(session, "add", 1) == 2:  # it takes a moment
        pass
    assert alive(session)


def test_a_replaced_numpy_json_and_builtins_change_no_answer(session: Session) -> None:
    x = np.arange(3.0)
    for _ in range(2):
        (answer,) = session.run([Call("y", "patched.answer", (x,))])
        assert answer.failure is None
        assert answer.value.tolist() == [2.0, 4.0, 6.0]
        assert answer.changed == (0,)
        assert answer.seconds > 0
    session.reset()
    assert alive(session)


def test_what_is_printed_is_no_answer(session: Session) -> None:
    assert ask(session, "shout") == 1


def test_a_fork_that_returns_answers_nothing(session: Session) -> None:
    assert ask(session, "fork_back") == 1
    assert alive(session)


def test_imports_that_fail_or_hang(session: Session) -> None:
    session.reset()
    with impatient(session, start_seconds=0.5):
        slow, again = (session.run([Call("a", "stuck.f")])[0].failure for _ in range(2))
    odd, lacks = (answer.failure for answer in session.run([Call("a", "odd.f"), Call("a", "lacks.f")]))
    assert slow is not None
    assert slow == again
    assert (slow.kind, slow.where) == ("too slow", "stuck.py:1")
    assert odd is not None
    assert (odd.kind, odd.where) == ("crashed", "odd.py:1")
    assert lacks is not None
    assert (lacks.kind, lacks.where) == ("crashed", "lacks.py:2")
