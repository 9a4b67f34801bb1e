"""Files and folders are written completely or not at all."""

import os
from pathlib import Path

import pytest

from backproof.files import (
    atomic_folder,
    remove_all_temporary_files,
    remove_temporary_files,
    write_atomically,
)


def fail(*_: object) -> None:
    raise OSError("disk on fire")


def test_a_file_is_replaced_whole() -> None:
    path = Path("file")
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(Path().iterdir()) == [path]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(
    monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = Path("file")
    write_atomically(path, b"old")
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="disk on fire"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(Path().iterdir()) == [path]


def test_temporary_files_of_killed_writes_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        patch.setattr(os, "replace", fail)
        for name in ("one", "two"):
            with pytest.raises(OSError, match="disk on fire"):
                write_atomically(Path(name), b"new")
    for name in (".lock", "one", "two"):
        Path(name).touch()
    assert len(list(Path().iterdir())) == 5
    remove_temporary_files(Path("one"))
    assert len(list(Path().iterdir())) == 4
    remove_all_temporary_files(Path())
    assert {path.name for path in Path().iterdir()} == {".lock", "one", "two"}


def test_a_folder_appears_with_its_content() -> None:
    path = Path("above/folder")
    path.parent.mkdir()
    with atomic_folder(path) as temporary:
        (temporary / "file").write_text("content")
        assert not path.exists()
    assert [file.name for file in path.iterdir()] == ["file"]
    assert [folder.name for folder in path.parent.iterdir()] == ["folder"]


def test_a_folder_whose_filling_fails_never_appears() -> None:
    def fill() -> None:
        with atomic_folder(Path("folder")) as temporary:
            (temporary / "file").write_text("content")
            fail()

    with pytest.raises(OSError, match="disk on fire"):
        fill()
    assert list(Path().iterdir()) == []


def test_a_folder_that_is_there_is_not_touched() -> None:
    Path("folder").mkdir()
    Path("folder/mine").write_text("mine")
    with pytest.raises(OSError, match="folder"), atomic_folder(Path("folder")):
        pass
    assert Path("folder/mine").read_text() == "mine"
    assert [path.name for path in Path().iterdir()] == ["folder"]


def test_permissions_follow_the_umask() -> None:
    mask = os.umask(0o027)
    try:
        write_atomically(Path("file"), b"")
        with atomic_folder(Path("folder")):
            pass
    finally:
        os.umask(mask)
    assert Path("file").stat().st_mode & 0o777 == 0o640
    assert Path("folder").stat().st_mode & 0o777 == 0o750
