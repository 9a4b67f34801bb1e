"""Causes register themselves by their names."""

import pytest

from backproof.checker import causes
from backproof.checker.causes import Cause


def test_a_cause_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "CAUSES", {})
    cause = Cause("too red", "the page is redder than asked for", "Look at the page.")
    assert {"too red": cause} == causes.CAUSES
    assert Cause(cause.name, cause.meaning, cause.hint) == cause
    with pytest.raises(ValueError, match="too red"):
        Cause("too red", "it means something else", "")
