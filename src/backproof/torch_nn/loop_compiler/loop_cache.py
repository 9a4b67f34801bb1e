"""Keep what numba compiled for later processes, in this program's cache folder.

There is one file for each loop, choice of dtypes, processor, version of numba, and text of the loops. So
nothing stale is loaded, and processes that write at the same time do not disturb each other, as they do in
numba's own cache.
"""

import hashlib
import logging
import os
import pickle
import stat
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import filelock
import llvmlite
import numba
import numpy as np
from numba.core import serialize
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult

from backproof.files import cache_folder, write_atomically
from backproof.torch_nn.loop_compiler import openmp

_LOG = logging.getLogger(__name__)
_TIMEOUT = 60
"""Seconds to wait for another process that compiles the same, before doing it too."""


class LoopCache(_Cache):  # type: ignore[misc]
    """The cache that a loop's dispatcher asks before it compiles, and tells afterwards."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name, self._module = function.__qualname__, function.__module__
        self._lock: filelock.BaseFileLock | None = None

    @property
    def cache_path(self) -> str:
        """Return the folder."""
        return str(_folder())

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what was compiled before, if need be after waiting for who is at it; None if nothing was."""
        context.refresh()
        self._unlock()  # what an interrupted compilation left locked
        path = self._path(signature, context.codegen())
        if (compiled := _load(path, context)) is not None:
            return compiled
        self._lock = _lock(path)
        if (compiled := _load(path, context)) is not None:
            self._unlock()
            return compiled
        _say_once("compiling loops for this processor, once; it takes some seconds")
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled; where that is not possible, say so once."""
        path = self._path(signature, compiled.codegen)
        try:
            write_atomically(path, serialize.dumps(compiled._reduce()))
            path.chmod(0o600)  # as what is loaded from here is executed
        except OSError as error:
            _say_once(
                f"cannot keep the compiled loops in {path.parent} ({error.strerror or error}), so every "
                "process compiles them again; set BACKPROOF_CACHE to a folder with room that you may write to"
            )
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _path(self, signature: Any, codegen: Any) -> Path:
        built = sys.implementation.cache_tag, numba.__version__, llvmlite.__version__, np.__version__
        key = repr((self._module, signature, codegen.magic_tuple(), built, openmp.FOUND, _source()))
        return _folder() / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"

    def enable(self) -> None:
        """Do nothing: it is always on."""

    def disable(self) -> None:
        """Do nothing, like ``enable``."""

    def flush(self) -> None:
        """Do nothing: what is stale is not loaded."""


def _folder() -> Path:
    return cache_folder() / "loops"


@cache
def _source() -> str:
    """Return a digest of all that loops are made of."""
    torch_nn = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(torch_nn.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _load(path: Path, context: Any) -> Any:
    """Return what a file holds; None if there is none, another user may have written it, or it is damaged."""
    try:
        if not path.exists():
            return None
        if not (_is_own(path.parent) and _is_own(path)):
            _say_once(
                f"others can write to {path.parent}, so compiled loops are not loaded from there, and every "
                "process compiles them again; remove that folder, or set BACKPROOF_CACHE to one of your own"
            )
            return None
        return CompileResult._rebuild(context, *pickle.loads(path.read_bytes()))
    except Exception:  # unpickling raises whatever it meets, and compiling again mends it
        return None


def _is_own(path: Path) -> bool:
    """Tell whether only this user and the administrator can write: what is loaded from here is executed."""
    if not hasattr(os, "geteuid"):
        return True
    status = path.stat()
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _lock(path: Path) -> filelock.BaseFileLock | None:
    """Wait until no other process compiles this; None where no lock can be had, as in a read-only folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_TIMEOUT).acquire().lock
    except (OSError, NotImplementedError):  # the second where the file system has no locks
        return None


@cache
def _say_once(line: str) -> None:
    _LOG.warning(line)
