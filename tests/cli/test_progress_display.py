"""What a person at a terminal sees."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


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
