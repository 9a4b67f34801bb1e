"""Run the sandbox in bubblewrap, where that works: read-only, without network and the user's files."""

import contextlib
import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = Path(__file__).parent / "child"
SYSTEM = {
    *(
        "bin",
        "dev",
        "etc",
        "gnu",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "nix",
        "opt",
        "proc",
        "sbin",
        "sys",
        "usr",
    )
}
"""Folders at the root that programs may need; all others are hidden."""


def obstacle() -> str:
    """Say why bubblewrap cannot be used; "" where it can."""
    program = shutil.which("bwrap")
    if program is None:
        return "is not installed"
    return "" if _works(program) else "does not work here"


def command(base: Path) -> list[str]:
    """Return what to put before a command, which then may write to the folder ``base`` and nowhere else.

    All folders but the system's are empty in it, except for what Python and its packages need.
    """
    top = [folder for folder in Path("/").iterdir() if folder.is_dir() and not folder.is_symlink()]
    hidden = [str(folder) for folder in sorted(top) if folder.name not in SYSTEM]
    options = ["--unshare-all", "--as-pid-1", "--new-session", "--cap-drop", "ALL"]
    options += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for folder in hidden:
        options += ["--tmpfs", folder]
    for needed in _needed():
        if any(path.is_relative_to(folder) for path in (needed, needed.resolve()) for folder in hidden):
            options += ["--ro-bind", str(needed), str(needed)]
    options += ["--bind", str(base), str(base)]
    for folder in hidden:
        options += ["--remount-ro", folder]
    return ["bwrap", *options, "--chdir", str(base)]


def package_home(name: str) -> Path | None:
    """Return the folder from which a package is imported, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parents[1] if spec is not None and spec.origin else None


def _needed() -> list[Path]:
    """Return the folders of Python, of its packages and of the child's files, through links and without."""
    homes = map(package_home, ("backproof", "numpy", "torch"))
    python = Path(sys.executable).resolve().parents[1]
    paths = {Path(sys.prefix), Path(sys.base_prefix), python, CHILD, *filter(None, homes)}
    return sorted(paths | {path.resolve() for path in paths})


@functools.cache
def _works(program: str) -> bool:
    """Try it: kernels and containers often do not allow it."""
    with tempfile.TemporaryDirectory() as base:
        trial = [*command(Path(base).resolve()), sys.executable, "-S", "-c", "pass"]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run([program, *trial[1:]], capture_output=True, timeout=20.0, check=False)
            return done.returncode == 0
    return False
