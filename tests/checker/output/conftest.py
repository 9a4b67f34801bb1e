import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backproof.checker.check_report import CheckReport
from checker.output.reports import OTHERS, RIGHT, WRONG, report


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put a fake in place of the checks: ``found["report"]`` is what it finds, "asked" what it was asked."""
    state: dict[str, Any] = {"report": report(RIGHT, WRONG, *OTHERS)}

    def check_folder(folder: Path, *, seed: int, only: Sequence[str]) -> CheckReport:
        state["asked"] = (folder, seed, tuple(only))
        result: CheckReport = state["report"]
        return result

    def check_class(file: Path, class_name: str, *, seed: int) -> CheckReport:
        state["asked"] = (file, class_name, seed)
        result: CheckReport = state["report"]
        return result

    for name, function in (("check", check_folder), ("check_class", check_class)):
        fake = ModuleType(f"backproof.checker.{name}")
        setattr(fake, function.__name__, function)
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    Path("hand-in").mkdir()
    return state
