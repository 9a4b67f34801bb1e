import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backproof.checker.sandbox import Session, bubblewrap
from checker.sandbox.hostile import LIMITS, MODULES, PATCHED, TORCH, processes_with


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submission")
    code = folder / "code"
    (code / "__pycache__").mkdir(parents=True)
    (code / "modules.py").write_text(MODULES)
    (code / "patched.py").write_text(PATCHED)
    (code / "nets.py").write_text(TORCH)
    (code / "stuck.py").write_text("while True: pass\n")
    (code / "odd.py").write_text("def f(:\n")
    (code / "lacks.py").write_text("\nimport not_a_library\n")
    (code / "secret.txt").symlink_to("/etc/passwd")
    return folder


@pytest.fixture(scope="session")
def mark() -> str:
    """What a process that shall not outlive its session is called: seconds for sleep, not to be mistaken."""
    return f"{7000 + os.getpid()}.25"


@pytest.fixture(scope="session")
def answering(folder: Path) -> Iterator[Session]:
    """A session for those who only ask."""
    with Session(folder, replace(LIMITS, memory_mb=2048)) as session:  # room for torch
        yield session


@pytest.fixture(scope="module", params=["bubblewrap", "plain"])
def session(request: pytest.FixtureRequest, folder: Path, mark: str) -> Iterator[Session]:
    """One session for all attacks: each has to leave it usable, and its end has to leave nothing."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "plain":
            patch.setattr(bubblewrap, "obstacle", lambda: "is not installed")
        elif obstacle := bubblewrap.obstacle():
            pytest.skip(f"bubblewrap {obstacle}")
        with Session(folder, LIMITS) as session:
            assert session.isolation.startswith(
                "bubblewrap: " if request.param == "bubblewrap" else "a process"
            )
            yield session
    assert not processes_with(session._supervisor._mark, "environ")
    assert not processes_with(mark, "cmdline")
    assert not session._base.exists()
