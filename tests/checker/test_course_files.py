"""Where the course's files are."""

from pathlib import Path

import pytest

from backproof.checker.course_files import course_folder
from backproof.errors import ConfigError
from course_folder import CODE


def test_a_checkouts_own_files() -> None:
    assert course_folder() == CODE


def test_an_installed_package_in_a_checkout_takes_its_own_files(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "backproof"
    for folder in (package, tmp_path):
        (folder / "assignment_1" / "code").mkdir(parents=True)
    assert course_folder(package) == package / "assignment_1" / "code"


def test_without_the_courses_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run backproof from a checkout or an installed package"):
        course_folder(tmp_path / "lib" / "backproof")
