"""The table of a class: safe to open, read back as it was, and never written over something else."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.checker.classroom import table
from backproof.errors import BackproofError, ConfigError

CLI = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "'=x", "＝1", "plain", "", 'a"b, c;d']
)
def test_spreadsheets_compute_nothing(text: str, tmp_path: Path) -> None:
    row = dict.fromkeys(table.COLUMNS, text)
    table.write_table(tmp_path / "t.csv", [row])
    assert table.read_table(tmp_path / "t.csv") == {text: row}
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "＝")) for cell in cells)


def test_a_table_that_a_spreadsheet_saved(tmp_path: Path) -> None:
    row = dict.fromkeys(table.COLUMNS, "ε")
    table.write_table(tmp_path / "t.csv", [row])
    written = (tmp_path / "t.csv").read_bytes()
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + written.replace(b"\r\n", b"\n"))
    assert table.read_table(tmp_path / "t.csv") == {"ε": row}


@pytest.mark.parametrize("content", [b"name,age\nx,3\n", b"\xff\x00", b'"never ends', b"folder\n", b""])
def test_another_file_is_left_alone(cli: CLI, content: bytes) -> None:
    Path("hand-in").mkdir()
    Path("notes.csv").write_bytes(content)
    code, out, err = cli("check", "hand-in", "--csv", "notes.csv")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "notes.csv" in err
    assert Path("notes.csv").read_bytes() == content


def test_a_table_that_cannot_be_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(table, "write_atomically", full)
    with pytest.raises(BackproofError, match=r"cannot write .*No space left"):
        table.write_table(tmp_path / "t.csv", [])
    assert table.read_table(tmp_path / "t.csv") == {}
    with pytest.raises(ConfigError):
        table.read_table(tmp_path)
