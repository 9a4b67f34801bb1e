"""Start the supervisor, send it orders, and end it."""

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from backproof.checker.sandbox import bubblewrap
from backproof.checker.sandbox.child.limits import Limits
from backproof.checker.sandbox.child.process_table import descendants, kill_bearing, processes
from backproof.checker.sandbox.connection import Connection
from backproof.checker.sandbox.failures import Ending
from backproof.errors import BackproofError

INSIDE = "bubblewrap: no network, a read-only system, no home folder, no other processes"
PLAIN = (
    "a process of its own with limits; bubblewrap {}, so the network and the user's files are not shut off"
)
START = bubblewrap.CHILD / "start.py"
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
END_SECONDS = 30.0
"""The supervisor takes half of it to kill what is left of a submission."""


class SupervisorProcess:
    """The supervisor's process, as a context manager; it is restarted where it was killed."""

    isolation: str
    """How the submission is isolated, in words."""

    def __init__(self, base: Path, limits: Limits) -> None:
        """``base`` is the one folder that may be written to."""
        self._base, self._limits = base, limits
        self._mark = secrets.token_hex(16)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stop()

    def fork(self, folder: Path, *, with_torch: bool) -> Connection:
        """Start a worker in a copy of the submission's folder. Raises BackproofError."""
        if self._process.poll() is not None:
            self._stop()
            self._start()
        ours, theirs = socket.socketpair()
        order = json.dumps({"folder": str(folder), "torch": with_torch}).encode()
        with theirs, contextlib.suppress(OSError):
            socket.send_fds(self._control, [order], [theirs.fileno()])
            if self._receive("forked", self._limits.start_seconds):
                return Connection(ours, self._control)
        ours.close()
        self._stop()
        raise BackproofError("the sandbox does not start a process for the submission")

    def is_starved(self, processor_seconds: float) -> bool:
        """Tell whether the worker has work to do, and had less of a processor than that since its start."""
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps({"progress": True}).encode())
            message = self._receive("is_waiting", 1.0)
            return (
                bool(message)
                and not message["is_waiting"]
                and message["processor_seconds"] < processor_seconds
            )
        return False

    def end(self, case: str) -> Ending:
        """Kill the worker and all that it started; ``case``: "alive", "stuck" or "dead" (Supervisor.end)."""
        message: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps({"end": case}).encode())
            message = self._receive("ended", END_SECONDS)
        ending = (
            Ending(message["ended"], message["status"], message["reason"], message["output"])
            if message
            else Ending()
        )
        if not ending.is_clean:  # the supervisor was killed, or more processes start than it can kill
            self._stop()
        return ending

    def _start(self) -> None:
        """Start it in bubblewrap, or without where that does not work."""
        obstacle = bubblewrap.obstacle()
        self.isolation = PLAIN.format(obstacle) if obstacle else INSIDE
        self._launch([] if obstacle else bubblewrap.command(self._base))
        if not self._receive("hello", self._limits.start_seconds):
            self._stop()
            raise BackproofError(f"the sandbox does not start: {sys.executable} {START}")

    def _launch(self, before: list[str]) -> None:
        self._control, theirs = socket.socketpair()
        self._received = b""
        home, *others = map(bubblewrap.package_home, ("backproof", "numpy", "torch"))
        last = [str(other) for other in others if other]
        settings = json.dumps({"limits": asdict(self._limits), "first": [str(home)], "last": last})
        python = [sys.executable, "-P", "-s", "-B"]
        with theirs:
            self._process = subprocess.Popen(
                [*before, *python, str(START), str(theirs.fileno()), settings],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=self._base,
                env=self._environment(),
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        """Return all that the submission sees of the environment: no credentials, nothing of the user's."""
        return {
            **{f"{library}_NUM_THREADS": "1" for library in THREADS},
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),  # Python itself may need it
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._base),
            "TMPDIR": str(self._base),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
            "PYTHONHASHSEED": "0",
            "CUDA_VISIBLE_DEVICES": "",
            "BACKPROOF_SANDBOX": self._mark,
        }

    def _receive(self, key: str, seconds: float) -> dict[str, Any]:
        """Return the supervisor's next message that has ``key``; an empty one when none comes."""
        end = time.monotonic() + seconds
        while True:
            line, newline, rest = self._received.partition(b"\n")
            if newline:
                self._received = rest
                message: dict[str, Any] = json.loads(line)
                if key in message:
                    return message
            elif select.select([self._control], [], [], max(0.0, end - time.monotonic()))[0]:
                part = self._control.recv(65536)
                if not part:
                    return {}
                self._received += part
            else:
                return {}

    def _stop(self) -> None:
        """End the supervisor, which kills all that it started when the checker hangs up."""
        self._control.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in [*descendants(self._process.pid, processes()), self._process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        # Without bubblewrap, a submission that kills the supervisor has orphaned what it started.
        kill_bearing(f"BACKPROOF_SANDBOX={self._mark}", seconds=5.0)
