"""The supervisor forks workers, enforces their limits, and kills all that they started.

It never imports anything of the submission. A worker is a fork of it, so it starts with NumPy, and if asked
for with torch, in memory: this is quick, and earlier workers cannot change it.

It checks its descendants every few hundredths of a second. In bubblewrap one call kills all processes,
however fast they multiply; until the supervisor is scheduled, they slow the system down, and the kernel
limits their number only for users other than root (RLIMIT_NPROC). Without bubblewrap, two things are not
contained: root's processes, if each leaves its group and they fork faster than the supervisor reads the
process table; and a process with an emptied environment, once the submission has killed the supervisor.
"""

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .limits import FILES_IN_ALL, MAX_PROCESSES, Limits, deleted_files_of, disk_space_of, limit_this_process
from .process_table import count_processes, descendants, kill_descendants, memory_of, processes, reap_children
from .removal import remove_inside

CHECK_SECONDS, DISK_CHECK_SECONDS = 0.02, 0.25
MAX_OUTPUT = 4096
KILLING_SECONDS = 15.0
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SUBREAPER = 1, 4, 36

Work = Callable[[int, str, Limits], None]
"""What a worker does with its connection and its folder."""


class Supervisor:
    """Take orders over ``control``, in lines of JSON; ``base`` is where workers' folders are."""

    def __init__(self, control: socket.socket, limits: Limits, base: str, work: Work) -> None:
        self.control, self.limits, self.base, self.work = control, limits, base, work
        self.worker = 0
        """The process's id; 0 once it is dead."""
        self.status: int | None = None
        self.reason = ""
        """Which limit the worker and its processes were killed for."""
        self.pipe, self.output = -1, b""
        self.running = False
        self.next_check = self.next_disk_check = 0.0
        _process_control(SET_DUMPABLE, 0)  # closes its memory to processes of the same user
        _process_control(SET_SUBREAPER, 1)  # orphans become its children

    def run(self) -> None:
        """Serve the checker until it hangs up or is killed; then kill all workers and remove their files."""
        try:
            self.serve()
        finally:
            kill_descendants(KILLING_SECONDS)
            remove_inside(Path(self.base))

    def serve(self) -> None:
        """Follow orders, and enforce limits in between, until the checker hangs up."""
        while True:
            waiting = [self.control.fileno(), *([self.pipe] if self.pipe >= 0 else [])]
            ready = select.select(waiting, [], [], CHECK_SECONDS if self.running else None)[0]
            if self.pipe in ready:
                self.read_output()
            if self.control.fileno() in ready:
                line, fds, _, _ = socket.recv_fds(self.control, 65536, 1)
                if not line:
                    return
                order = json.loads(line)
                if fds:
                    self.fork(order["folder"], order["torch"], fds[0])
                elif "end" in order:
                    self.end(order["end"])
                else:
                    self.send_progress()
            if self.reap():
                self.send(died=True)
            if self.running and time.monotonic() >= self.next_check:
                self.enforce_limits()

    def send(self, **message: Any) -> None:
        """Send the checker a message: a line of JSON."""
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def send_progress(self) -> None:
        """Send the processor time of the worker and its processes, and whether all of them just wait."""
        table = processes()
        descended = [table[pid] for pid in descendants(os.getpid(), table)]
        self.send(
            processor_seconds=sum(process.processor_seconds for process in descended),
            is_waiting=all(process.is_waiting for process in descended),
        )

    def fork(self, folder: str, with_torch: bool, connection: int) -> None:
        """Start a worker as a fork of this process, in which no code of the submission has run."""
        if with_torch:
            with contextlib.suppress(ImportError):
                importlib.import_module("torch")
        self.status, self.reason, self.output = None, "", b""
        self.pipe, out = os.pipe()
        self.running = True
        gc.freeze()  # else the first collection would copy what is shared
        self.worker = os.fork()
        if self.worker == 0:
            try:
                self.control.close()
                os.close(self.pipe)
                _become_worker(folder, out, self.limits)
                self.work(connection, folder, self.limits)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(70)
        os.close(out)
        os.close(connection)
        self.send(forked=True)

    def read_output(self) -> None:
        """Read what the worker printed, and keep the end of it."""
        data = os.read(self.pipe, 65536)
        self.output = (self.output + data)[-MAX_OUTPUT:]
        if not data:
            os.close(self.pipe)
            self.pipe = -1

    def reap(self) -> bool:
        """Reap children that ended; tell whether the worker is among them."""
        ended = reap_children()
        if self.worker not in ended:
            return False
        self.status, self.worker = ended[self.worker], 0
        return True

    def enforce_limits(self) -> None:
        """Kill all of the submission's processes if together they exceed a limit."""
        began = time.monotonic()
        self.reason = self.exceeded_limit()
        if self.reason:
            kill_descendants(KILLING_SECONDS)
            self.worker, self.running = 0, False
            self.send(died=True)
        # A table of thousands takes milliseconds: it may cost a tenth of the time.
        self.next_check = time.monotonic() + min(0.1, max(CHECK_SECONDS, 10 * (time.monotonic() - began)))

    def exceeded_limit(self) -> str:
        """Return which limit the submission's processes exceed together; "" if none."""
        too_many = f"more than {MAX_PROCESSES} processes at a time"
        if os.getpid() == 1 and count_processes() > MAX_PROCESSES + 1:
            return too_many
        table = processes()
        pids = descendants(os.getpid(), table)
        if len(pids) > MAX_PROCESSES:
            return too_many
        memory = self.limits.memory_mb << 20
        if memory_of(pids, table, memory) > memory:
            return f"more memory than the {self.limits.memory_mb} MB allowed"
        if time.monotonic() >= self.next_disk_check:
            files_mb = FILES_IN_ALL * self.limits.file_mb
            if disk_space_of(self.base) + sum(map(deleted_files_of, pids)) > files_mb << 20:
                return f"more than {files_mb} MB of files"
            self.next_disk_check = time.monotonic() + DISK_CHECK_SECONDS
        return ""

    def end(self, case: str) -> None:
        """Kill the worker and all that it started, and send how it ended.

        In the case "stuck" it first prints its stack; in the case "dead" it has hung up, and its wait status
        comes a moment later.
        """
        until = time.monotonic() + 2.0
        if case == "stuck" and self.worker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGUSR1)
            self.read_remaining_output(2.0)
        while case == "dead" and self.worker and not self.reap() and time.monotonic() < until:
            time.sleep(0.001)
        self.read_remaining_output(0.0)
        clean = kill_descendants(KILLING_SECONDS)
        if self.pipe >= 0:
            os.close(self.pipe)
        self.pipe, self.worker, self.running = -1, 0, False
        output = self.output.decode("utf-8", "replace")
        self.send(ended=clean, status=self.status, reason=self.reason, output=output)

    def read_remaining_output(self, wait_seconds: float) -> None:
        """Read what is printed within ``wait_seconds``, and what follows within a tenth of a second each."""
        until = time.monotonic() + 2.0
        while self.pipe >= 0 and time.monotonic() < until:
            if not select.select([self.pipe], [], [], wait_seconds)[0]:
                return
            self.read_output()
            wait_seconds = min(wait_seconds, 0.1)


def _become_worker(folder: str, out: int, limits: Limits) -> None:
    """Turn this fork into a process for the submission's code."""
    os.setsid()
    _process_control(SET_DUMPABLE, 1)  # its own supervisor may read its share of memory
    _process_control(SET_DEATH_SIGNAL, signal.SIGKILL)
    for target in (1, 2):
        os.dup2(out, target)
    os.close(out)
    faulthandler.enable(2, all_threads=False)
    faulthandler.register(signal.SIGUSR1, 2, all_threads=False)
    os.nice(10)  # many processes must not keep the supervisor waiting
    limit_this_process(limits)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(Path(folder).parent)
    os.chdir(folder)


def _process_control(option: int, value: int) -> None:
    """Call prctl, where there is one."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
