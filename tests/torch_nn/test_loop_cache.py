"""Loops are compiled once and kept for later processes; where they cannot be, they are compiled anew."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from backproof.torch_nn.loop_compiler import loop_cache
from backproof.torch_nn.loop_compiler.compiled import Loop

COMPILING = "compiling loops for this processor, once"
PROGRAM = """
import numpy as np
from backproof.torch_nn.loop_compiler.compiled import Loop, in_parts, loop_part

@loop_part
def number_part(part, parts, y):
    y[part] = part + 1

@Loop
def number(parts, y):
    in_parts(number_part, parts, (y,))

y = np.zeros(3)
number(3, y)
print(y, sum(number._compiled.stats.cache_misses.values()))
"""
BATCH_NORM = """
import torch
from backproof.torch_nn.batchnorm import batch_norm, loops

x = torch.linspace(0, 1, 12).sin().view(4, 3).requires_grad_()
y = batch_norm(x, torch.ones(3), torch.ones(3))[0]
all_loops = loops.forward, loops.backward
y.square().sum().backward()
expected = torch.nn.functional.batch_norm(x, None, None, torch.ones(3), torch.ones(3), True)
torch.testing.assert_close(y, expected)
print(sum(sum(loop._compiled.stats.cache_misses.values()) for loop in all_loops))
"""


def add_one(values: Any) -> None:
    for number in range(len(values)):
        values[number] += 1


def new_loop() -> Loop:
    """The loop as a process finds it that starts now."""
    return Loop(add_one)


def compilations(loop: Loop) -> int:
    """Run it, check what it did, and say how often it was compiled."""
    values = np.arange(3.0)
    loop(values)
    np.testing.assert_array_equal(values, [1, 2, 3])
    misses: int = sum(loop._compiled.stats.cache_misses.values())
    return misses


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where loops are kept, as yet nowhere."""
    monkeypatch.setenv("BACKPROOF_CACHE", str(tmp_path / "cache"))
    loop_cache._say_once.cache_clear()
    return tmp_path / "cache" / "loops"


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix != ".lock")


def start(program: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True)


@pytest.mark.slow
def test_a_second_process_compiles_nothing(folder: Path) -> None:
    outcomes = []
    for _ in range(2):
        with start(BATCH_NORM) as process:
            outcomes.append((*process.communicate(timeout=200), process.returncode))
    (first, said, code), (second, nothing, second_code) = outcomes
    assert (code, second_code, first, second, nothing) == (0, 0, "2\n", "0\n", "")
    assert said.splitlines() == [f"{COMPILING}; it takes some seconds"]
    assert len(kept(folder)) == 2
    assert not folder.stat().st_mode & 0o077


@pytest.mark.slow
def test_processes_that_start_at_once_compile_once(folder: Path) -> None:
    processes = [start(PROGRAM) for _ in range(4)]
    outcomes = [(*process.communicate(timeout=200), process.returncode) for process in processes]
    assert all(code == 0 for *_, code in outcomes), outcomes
    assert sorted(out for out, *_ in outcomes) == [*["[1. 2. 3.] 0\n"] * 3, "[1. 2. 3.] 1\n"]
    assert sum(COMPILING in err for _, err, _ in outcomes) == 1
    assert len(kept(folder)) == 1


def test_compiled_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert compilations(new_loop()) == 1
    assert caplog.text.count(COMPILING) == 1
    assert compilations(new_loop()) == 0
    assert caplog.text.count(COMPILING) == 1
    [path] = kept(folder)
    single = np.zeros(2, np.float32)
    new_loop()(single)  # another dtype is another file
    assert len(kept(folder)) == 2
    assert path in kept(folder)


@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda _: b"", lambda _: b"no pickle"])
def test_a_damaged_file_is_compiled_anew(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    compilations(new_loop())
    [path] = kept(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert compilations(new_loop()) == 1
    assert compilations(new_loop()) == 0
    assert kept(folder) == [path]


def change_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_cache, "_source", lambda: "another")


def change_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_cache.numba, "__version__", "0.0")


def change_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    codegen = type(new_loop()._compiled.targetctx.codegen())
    monkeypatch.setattr(codegen, "magic_tuple", lambda _: ("x86_64", "a later one", "+much"))


@pytest.mark.parametrize("change", [change_source, change_version, change_processor])
def test_what_was_compiled_for_something_else_is_not_loaded(
    folder: Path, change: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    compilations(new_loop())
    with monkeypatch.context() as patch:
        change(patch)
        assert compilations(new_loop()) == 1
        assert compilations(new_loop()) == 0
    assert compilations(new_loop()) == 0
    assert len(kept(folder)) == 2


def test_every_file_that_loops_are_made_of_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in "batchnorm/row_loops", "loop_compiler/loop_cache":
        (tmp_path / part).parent.mkdir()
        (tmp_path / part).with_suffix(".py").write_text("before")
    digest = loop_cache._source.__wrapped__
    assert digest() == loop_cache._source()
    monkeypatch.setattr(loop_cache, "__file__", str(tmp_path / "loop_compiler" / "loop_cache.py"))
    before = digest()
    (tmp_path / "batchnorm" / "row_loops.py").write_text("behind")
    assert digest() != before
    (tmp_path / "batchnorm" / "row_loops.py").write_text("before")
    assert digest() == before


@pytest.mark.parametrize("where", ["below a file", "read-only"])
def test_where_nothing_can_be_kept_it_is_said_once(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if where == "below a file":
        folder.parent.write_text("a file")
    else:
        folder.mkdir(parents=True)

        def refused(*_: Any, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(loop_cache, "write_atomically", refused)
        monkeypatch.setattr(filelock, "FileLock", refused)
    for _ in range(2):
        assert compilations(new_loop()) == 1
    first, second = (record.getMessage() for record in caplog.records)
    assert COMPILING in first
    assert str(folder) in second
    assert "set BACKPROOF_CACHE" in second


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_what_others_can_write_is_not_loaded(
    mode: int, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compilations(new_loop())
    folder.chmod(mode)
    for _ in range(2):
        assert compilations(new_loop()) == 1
    assert caplog.text.count("others can write to") == 1
    assert "BACKPROOF_CACHE" in caplog.text
    folder.chmod(0o700)
    assert compilations(new_loop()) == 0


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other owners")
def test_what_others_own_is_not_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compilations(new_loop())
    folder.chmod(0o755)
    os.chown(folder, os.geteuid() + 1, -1) if os.geteuid() == 0 else monkeypatch.setattr(
        os, "geteuid", lambda: folder.stat().st_uid + 1
    )
    assert compilations(new_loop()) == 1


def test_an_interrupted_compilation_locks_nobody_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = new_loop()

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop._compiled._compiler, "compile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compilations(loop)
    monkeypatch.setattr(loop_cache, "_TIMEOUT", 20)
    begin = time.monotonic()
    compilations(loop)
    assert time.monotonic() - begin < 15
    [path] = kept(folder)
    with filelock.FileLock(path.with_suffix(".lock"), timeout=0):
        pass


def test_whoever_waits_too_long_compiles_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compilations(new_loop())
    [path] = kept(folder)
    path.unlink()
    monkeypatch.setattr(loop_cache, "_TIMEOUT", 0.1)
    with filelock.FileLock(path.with_suffix(".lock")):
        assert compilations(new_loop()) == 1
    assert kept(folder) == [path]
