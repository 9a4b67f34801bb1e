"""What a person at a terminal sees."""

import os
import subprocess
import sys

import pytest
from rich.progress import Progress

from backproof.cli.progress_display import ProgressDisplay
from backproof.training.record import Evaluation


def test_there_is_a_bar_while_steps_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(Progress, "start", lambda _: calls.append("start"))
    monkeypatch.setattr(Progress, "stop", lambda _: calls.append("stop"))
    with ProgressDisplay(total_steps=4, done_steps=4):
        assert calls == []
    losses = {"train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0, "test_accuracy": 0.5}
    with ProgressDisplay(total_steps=4, done_steps=0) as display:
        display.evaluation(Evaluation(step=2, **losses))
        assert calls == ["start"]
        display.evaluation(Evaluation(step=4, **losses))
        assert calls == ["start", "stop"]
    assert calls == ["start", "stop"]


@pytest.mark.slow
def test_a_bar_on_a_terminal() -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    settings = ["--data=digits", "--steps=60", "--eval-every=30", "--out=run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "backproof", "train", "mlp-numpy", *settings],
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.wait() == 0
    text = shown.decode()
    assert "━" in text
    assert "60/60" in text
    assert "step 30/60" in text
    assert "done in" in text
