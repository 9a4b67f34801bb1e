"""What a submission finds in the sandbox that it does not bring along."""

from pathlib import Path

import pytest

from backproof.checker.calls import Call
from backproof.checker.sandbox import Session

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "line",
    ["import cifar10_utils", "from cifar10_utils import get_cifar10", "from cifar10_utils import *"],
)
def test_the_courses_own_file_may_be_missing(tmp_path: Path, line: str) -> None:
    (tmp_path / "modules.py").write_text(f"{line}\n\ndef two():\n    return 2\n")
    with Session(tmp_path) as session:
        assert session.run([Call("two", "modules.two")])[0].value == 2
        assert [file.path for file in session.files()] == ["modules.py"]


def test_a_submissions_own_file_goes_before(tmp_path: Path) -> None:
    (tmp_path / "modules.py").write_text("from cifar10_utils import two\n")
    (tmp_path / "cifar10_utils.py").write_text("def two():\n    return 2\n")
    with Session(tmp_path) as session:
        assert session.run([Call("two", "modules.two")])[0].value == 2


def test_a_library_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "modules.py").write_text("import no_such_library\n")
    with Session(tmp_path) as session:
        failure = session.run([Call("two", "modules.two")])[0].failure
    assert failure is not None
    assert failure.message == (
        "ModuleNotFoundError: No module named 'no_such_library', where the check runs: install it there, "
        "if it is a library"
    )


def test_links_that_go_round_in_a_circle_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "modules.py").write_text("def two():\n    return 2\n")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with Session(tmp_path) as session:
        assert session.run([Call("two", "modules.two")])[0].value == 2
