"""What the tests of the data layer share."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def fresh_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder that nobody has used yet."""
    cache = tmp_path / "fresh-cache"
    monkeypatch.setenv("BACKPROOF_CACHE", str(cache))
    return cache


@pytest.fixture
def limited_files() -> Iterator[Callable[[int], None]]:
    """Let every file grow to so many bytes only: writing more fails as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
