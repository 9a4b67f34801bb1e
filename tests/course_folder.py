"""Use the course's folder as a student and a grader would: by its names, and as scripts."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

CODE = Path(__file__).parents[1] / "assignment_1" / "code"


def load(monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, ModuleType]:
    """Import files of the folder afresh, for one test."""
    monkeypatch.syspath_prepend(CODE)
    for path in CODE.glob("*.py"):
        monkeypatch.setitem(sys.modules, path.stem, None)  # so that what is imported goes when the test ends
        del sys.modules[path.stem]
    return {name: importlib.import_module(name) for name in names}


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script of the folder, from this test's own one, where its runs then lie."""
    command = [sys.executable, "-W", "error", CODE / name, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def parameters(function: object) -> dict[str, object]:
    """Return a function's parameters with their defaults."""
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
