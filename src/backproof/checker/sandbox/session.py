"""Run requests on a submission's code, in the sandbox."""

import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from backproof.checker.calls import Answer, Assign, Call, Failure, Request
from backproof.checker.check_report import RanFile
from backproof.checker.sandbox import messages
from backproof.checker.sandbox.child import serialization
from backproof.checker.sandbox.child.limits import Limits
from backproof.checker.sandbox.child.removal import remove_inside
from backproof.checker.sandbox.connection import Connection
from backproof.checker.sandbox.failures import Ending, failure_answer
from backproof.checker.sandbox.ran_files import RanFiles
from backproof.checker.sandbox.supervisor_process import SupervisorProcess
from backproof.checker.submission_folder import code_folder, read_folder

NORMAL = Limits()
SHARE = 5
"""Time of the clock counts at least as a fifth of it: a busy machine leaves a worker as much."""


class Session:
    """A submission's code in the sandbox, as a context manager that starts and ends its processes.

    Objects stay alive from one ``run`` to the next, until ``reset`` or until the worker dies. Every fresh
    worker starts from the files as they were when the session began, and with random numbers of its own.
    """

    def __init__(self, folder: Path, limits: Limits = NORMAL) -> None:
        """Read the folder's files. Raises FolderError where it holds no submission."""
        self.limits = limits
        code = code_folder(folder)
        self._source = read_folder(code)
        self._ran = RanFiles(self._source, code.relative_to(folder))
        self._is_alive: dict[str, bool] = {}
        """Whether an object that a request made is still there, by its name."""
        self._imported: set[str] = set()
        self._failed_imports: dict[str, Failure] = {}
        """Modules whose import ended a worker; they are not imported again."""
        self._needs_torch = False
        self._connection: Connection | None = None
        self._requests = 0
        """How many were sent to the present worker."""
        self._processor_seconds = 0.0
        """What the present worker has used of a processor up to its last answer."""

    def __enter__(self) -> Self:
        """Start the sandbox. Raises BackproofError where it does not start."""
        with ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix="backproof-check-", ignore_cleanup_errors=True)
            self._base = Path(stack.enter_context(temporary)).resolve()
            stack.callback(remove_inside, self._base)
            self._supervisor = stack.enter_context(SupervisorProcess(self._base, self.limits))
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """End all processes and remove the copy."""
        self._disconnect()
        self._resources.close()

    @property
    def isolation(self) -> str:
        """How the submission is isolated, in words."""
        return self._supervisor.isolation

    @property
    def ran_reference(self) -> bool:
        """Whether reference code was among what ran so far."""
        return self._ran.has_reference()

    def files(self) -> list[RanFile]:
        """Return what was imported so far of the submission, and of backproof beside it."""
        return self._ran.all()

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests, in order; one that fails does not keep later ones from being tried."""
        if self._connection is None:
            self._needs_torch |= any(map(self._will_use_torch, requests))
        return [self._answer(request) for request in requests]

    def reset(self) -> None:
        """Forget all objects: the next run starts in a fresh process."""
        self._end_worker("alive")
        self._is_alive = {}

    # One request

    def _answer(self, request: Request) -> Answer:
        answer = self._answer_if_possible(request)
        if name := messages.name_made(request):
            self._is_alive[name] = answer.failure is None
        count = len(request.args) if isinstance(request, Call) else 0
        return replace(answer, changed=tuple(i for i in answer.changed if 0 <= i < count))  # workers may lie

    def _answer_if_possible(self, request: Request) -> Answer:
        used = messages.names_used(request)
        for name in used:
            if not self._is_alive.get(name, True):
                return failure_answer(
                    "missing", f"there is no {name}: what makes it failed, or its process ended since"
                )
        module = used[0]
        makes_module = isinstance(request, Assign) and request.target == module
        if module not in self._imported and module not in self._is_alive and not makes_module:
            answer = self._import(module)
            if answer.failure is not None:
                return answer
        return self._ask(messages.pack_request(request), self.limits.seconds)

    def _import(self, module: str) -> Answer:
        """Import a module, in the time for imports; one that ended a process is not tried again."""
        if module in self._failed_imports:
            return Answer(failure=self._failed_imports[module])
        answer = self._ask(messages.pack_import(module), self.limits.start_seconds)
        if answer.failure is None:
            self._imported.add(module)
        elif self._connection is None:
            self._failed_imports[module] = answer.failure
        return answer

    def _will_use_torch(self, request: Request) -> bool:
        """Tell whether a request will import torch, as far as that can be seen."""
        file = f"{messages.first_name(request.target)}.py"
        return messages.uses_torch(request) or b"torch" in self._source.get(file, b"")

    def _ask(self, frame: bytes, seconds: float) -> Answer:
        """Send one frame and wait for its answer; whatever else comes ends the worker."""
        if self._connection is None:
            self._connection = self._start_worker()
        self._requests += 1
        start, enough = time.monotonic(), self._processor_seconds + seconds
        try:
            parts = self._connection.exchange(frame, seconds, lambda: self._supervisor.is_starved(enough))
            reply = messages.unpack_reply(*parts, self._requests)
        except TimeoutError:
            ending = self._end_worker("stuck")
            if not ending.reason:
                slow = failure_answer(
                    "too slow", f"no answer within {seconds:g} seconds", self._where(ending)
                )
                return replace(slow, processor_seconds=seconds)
        except serialization.RefusedError as error:
            self._end_worker("alive")
            return failure_answer("refused", f"what came back is {error}")
        except OSError:  # the worker is no more
            ending = self._end_worker("dead")
        else:
            for module, file in reply.files:
                self._ran.note(module, file, self._folder)
            self._needs_torch |= reply.has_torch
            used = reply.processor_seconds - self._processor_seconds
            self._processor_seconds = reply.processor_seconds
            took = max(used, (time.monotonic() - start) / SHARE)  # workers may lie, and sleep
            return replace(reply.answer, processor_seconds=took)
        return failure_answer("killed", ending.cause, self._where(ending))

    # The worker

    def _start_worker(self) -> Connection:
        """Start a worker in a new copy of the folder."""
        self._base.mkdir(exist_ok=True)
        remove_inside(self._base)
        # A name that no earlier worker can have foreseen, and put a link in its place.
        self._folder = Path(tempfile.mkdtemp(dir=self._base)) / "code"
        for name, content in self._source.items():
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_bytes(content)
        self._requests, self._processor_seconds = 0, 0.0
        return self._supervisor.fork(self._folder, with_torch=self._needs_torch)

    def _end_worker(self, case: str) -> Ending:
        """Kill the worker and all that it started; ``case`` as for SupervisorProcess.end."""
        if self._connection is None:
            return Ending()
        self._is_alive = dict.fromkeys(self._is_alive, False)
        self._imported = set()
        ending = self._supervisor.end(case)
        self._disconnect()
        return ending

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _where(self, ending: Ending) -> str:
        """Find the submission's innermost line in the stack that faulthandler printed."""
        folder = re.escape(str(self._folder))
        match = re.search(rf'File "{folder}/([^"]+)", line (\d+)', ending.output)
        return f"{match[1]}:{match[2]}" if match else ""
