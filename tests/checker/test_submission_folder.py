"""Finding a submission's code."""

from pathlib import Path

import pytest

from backproof.checker import submission_folder
from backproof.checker.submission_folder import FolderError, code_folder, read_folder


def test_a_folder_is_found_at_three_depths(tmp_path: Path) -> None:
    code = tmp_path / "assignment_1" / "code"
    code.mkdir(parents=True)
    (code / "modules.py").touch()
    assert code_folder(tmp_path) == code_folder(tmp_path / "assignment_1") == code_folder(code) == code


def test_a_folder_without_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="has none of the course's files"):
        code_folder(tmp_path)
    with pytest.raises(FolderError, match="is not a folder"):
        code_folder(tmp_path / "nowhere")


def test_a_link_to_anothers_code_is_no_code(tmp_path: Path) -> None:
    for name in ("ada", "ben"):
        (tmp_path / name).mkdir()
    (tmp_path / "ada" / "code").mkdir()
    (tmp_path / "ada" / "code" / "modules.py").touch()
    (tmp_path / "ben" / "code").symlink_to(tmp_path / "ada" / "code")
    with pytest.raises(FolderError, match="has none of the course's files"):
        code_folder(tmp_path / "ben")


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / ("d/" * 60)).mkdir(parents=True)
    with pytest.raises(FolderError, match="more than 50 deep"):
        read_folder(tmp_path)


def test_files_are_read_without_caches_data_sets_and_what_lies_outside(tmp_path: Path) -> None:
    outside, code = tmp_path / "outside.txt", tmp_path / "code"
    for name in ("__pycache__", ".git", "deep"):
        (code / name).mkdir(parents=True)
        (code / name / "file.py").write_text(name)
    outside.write_text("secret")
    (code / "link.txt").symlink_to(outside)
    with (code / "data.bin").open("wb") as data:
        data.truncate(17 << 20)
    assert read_folder(code) == {"deep/file.py": b"deep"}


def test_a_folder_with_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission_folder, "MAX_FILES", 3)
    for i in range(4):
        (tmp_path / f"{i}.txt").touch()
    with pytest.raises(FolderError, match=r"more than 64 MB or 3 files"):
        read_folder(tmp_path)
