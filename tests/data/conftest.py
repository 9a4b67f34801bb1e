"""What the tests of the data layer share."""

from pathlib import Path

import pytest


@pytest.fixture
def fresh_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder that nobody has used yet."""
    cache = tmp_path / "fresh-cache"
    monkeypatch.setenv("BACKPROOF_CACHE", str(cache))
    return cache
