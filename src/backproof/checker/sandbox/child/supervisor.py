"""The supervisor: it forks workers, watches them, and leaves nothing of them behind.

It never imports anything of the submission: what it has in memory, NumPy and if asked for torch, is what
every worker, a fork of it, starts with: a quick start, beyond the reach of earlier workers.

It looks at the processes below it every few hundredths of a second. In bubblewrap a swarm of processes dies
by one call, however fast it grows; but until the supervisor gets its turn, the system is as slow as the swarm
makes it, and only for a user who isn't root does the kernel stop it (RLIMIT_NPROC). Without bubblewrap, two
things aren't contained: root's swarm, if each of its processes leaves its group and they fork faster than the
supervisor reads the table; and a process with an emptied environment once the submission has killed the supervisor.
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
from .process_table import count_processes, descendants, kill_descendants, memory_of, processes, reap
from .removal import remove_inside

LOOK_SECONDS, FILES_SECONDS = 0.02, 0.25
MAX_OUTPUT = 4096
KILLING_SECONDS = 15.0
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SUBREAPER = 1, 4, 36

Work = Callable[[int, str, Limits], None]
"""What a worker does with its connection and its folder."""


class Supervisor:
    """Do what the checker says over ``control``, in lines of JSON; ``base`` is where workers' folders are."""

    def __init__(self, control: socket.socket, limits: Limits, base: str, work: Work) -> None:
        self.control, self.limits, self.base, self.work = control, limits, base, work
        self.worker = 0
        """The process's id; 0 once it is dead."""
        self.status: int | None = None
        self.reason = ""
        """Why the worker and its processes were killed before the checker said so."""
        self.pipe, self.output = -1, b""
        self.running = False
        self.next_look = self.next_walk = 0.0
        _process_control(SET_DUMPABLE, 0)  # closes its memory to processes of the same user
        _process_control(SET_SUBREAPER, 1)  # orphans become its children

    def serve(self) -> None:
        """Go on until the checker hangs up, or is killed; then leave nothing behind."""
        try:
            self.obey()
        finally:
            kill_descendants(KILLING_SECONDS)
            remove_inside(Path(self.base))

    def obey(self) -> None:
        """Follow orders, and look at the processes in between; return when no more orders come."""
        while True:
            waiting = [self.control.fileno(), *([self.pipe] if self.pipe >= 0 else [])]
            ready = select.select(waiting, [], [], LOOK_SECONDS if self.running else None)[0]
            if self.pipe in ready:
                self.drain()
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
                    self.tell_progress()
            if self.bury():
                self.tell(died=True)
            if self.running and time.monotonic() >= self.next_look:
                self.look()

    def tell(self, **message: Any) -> None:
        """Send the checker a line."""
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def tell_progress(self) -> None:
        """Tell what the worker and its processes had of a processor, and whether all of them just wait."""
        table = processes()
        found = [table[pid] for pid in descendants(os.getpid(), table)]
        self.tell(
            processor_seconds=sum(process.processor_seconds for process in found),
            is_waiting=all(process.is_waiting for process in found),
        )

    def fork(self, folder: str, with_torch: bool, connection: int) -> None:
        """Start a worker, from what only trusted code has touched."""
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
        self.tell(forked=True)

    def drain(self) -> None:
        """Take what was printed, and keep its end."""
        data = os.read(self.pipe, 65536)
        self.output = (self.output + data)[-MAX_OUTPUT:]
        if not data:
            os.close(self.pipe)
            self.pipe = -1

    def bury(self) -> bool:
        """Wait for the dead; tell whether the worker has just been found among them."""
        ended = reap()
        if self.worker not in ended:
            return False
        self.status, self.worker = ended[self.worker], 0
        return True

    def look(self) -> None:
        """See whether the submission's processes keep to their limits, and kill them all if not."""
        began = time.monotonic()
        self.reason = self.excess()
        if self.reason:
            kill_descendants(KILLING_SECONDS)
            self.worker, self.running = 0, False
            self.tell(died=True)
        # A table of thousands takes milliseconds: it may cost a tenth of the time.
        self.next_look = time.monotonic() + min(0.1, max(LOOK_SECONDS, 10 * (time.monotonic() - began)))

    def excess(self) -> str:
        """Say which limit the submission's processes exceed together, if one."""
        too_many = f"more than {MAX_PROCESSES} processes at a time"
        if os.getpid() == 1 and count_processes() > MAX_PROCESSES + 1:
            return too_many
        table = processes()
        found = descendants(os.getpid(), table)
        if len(found) > MAX_PROCESSES:
            return too_many
        memory = self.limits.memory_mb << 20
        if memory_of(found, table, memory) > memory:
            return f"more memory than the {self.limits.memory_mb} MB allowed"
        if time.monotonic() >= self.next_walk:
            files_mb = FILES_IN_ALL * self.limits.file_mb
            if disk_space_of(self.base) + sum(map(deleted_files_of, found)) > files_mb << 20:
                return f"more than {files_mb} MB of files"
            self.next_walk = time.monotonic() + FILES_SECONDS
        return ""

    def end(self, case: str) -> None:
        """Kill the worker and all that it started, and tell how it ended.

        In the case "stuck" it says first where it is; in the case "dead" it has hung up, and its wait status
        comes a moment later.
        """
        until = time.monotonic() + 2.0
        if case == "stuck" and self.worker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGUSR1)
            self.take_output(2.0)
        while case == "dead" and self.worker and not self.bury() and time.monotonic() < until:
            time.sleep(0.001)
        self.take_output(0.0)
        clean = kill_descendants(KILLING_SECONDS)
        if self.pipe >= 0:
            os.close(self.pipe)
        self.pipe, self.worker, self.running = -1, 0, False
        output = self.output.decode("utf-8", "replace")
        self.tell(ended=clean, status=self.status, reason=self.reason, output=output)

    def take_output(self, patience: float) -> None:
        """Take what comes within the seconds of patience, and what follows it closely."""
        until = time.monotonic() + 2.0
        while self.pipe >= 0 and time.monotonic() < until:
            if not select.select([self.pipe], [], [], patience)[0]:
                return
            self.drain()
            patience = min(patience, 0.1)


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
    os.nice(10)  # the supervisor gets its turn before a swarm of processes
    limit_this_process(limits)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(Path(folder).parent)
    os.chdir(folder)


def _process_control(option: int, value: int) -> None:
    """Call prctl, where there is one."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
