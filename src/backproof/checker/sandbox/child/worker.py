"""A worker: it runs the submission's code, and answers requests with data."""

import fcntl
import importlib
import os
import random
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

from . import serialization
from .bytecode_count import counted_call
from .describe_error import MissingError, describe
from .limits import Limits
from .object_paths import follow, parse

# Bound before the submission can replace them.
clock, processor_clock = time.perf_counter, time.process_time
getpid, exit_now, read, write = os.getpid, os._exit, os.read, os.write
real_path = os.path.realpath
load_module, modules = importlib.import_module, sys.modules
ndarray = numpy.ndarray

PACKAGE, CHILD = (str(Path(__file__).parents[up]) + os.sep for up in (3, 0))
opened: list[str] = []
"""Files of the package backproof that this process has opened, but for those that make the sandbox."""
Answer = dict[str, Any]


def work(connection: int, folder: str, limits: Limits) -> None:
    """Serve the checker in a fresh fork, which imports the folder's files as a new Python would."""
    fd = fcntl.fcntl(connection, fcntl.F_DUPFD_CLOEXEC, random.randrange(100, 240))
    os.close(connection)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, errors="replace", closefd=False) for n in (1, 2))
    folder = os.path.realpath(folder)
    sys.path.insert(0, folder)
    sys.path.append(str(Path(__file__).parent / "course"))
    sys.argv = [""]
    modules["__main__"] = ModuleType("__main__")
    numpy.random.seed()  # else every fork would draw the same
    sys.addaudithook(note_opened)
    Worker(fd, folder + os.sep, limits.memory_mb).serve()


def note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    """Note which files of the package are opened, however it is done."""
    if event == "open" and isinstance(arguments[0], str):
        path = real_path(arguments[0])
        if path.startswith(PACKAGE) and not path.startswith(CHILD) and path not in opened:
            opened.append(path)


class Worker:
    """Answer requests in order; keep what they make."""

    def __init__(self, fd: int, folder: str, memory_mb: int) -> None:
        self.fd, self.folder, self.memory_mb = fd, folder, memory_mb
        self.pid = getpid()
        self.objects: dict[str, Any] = {}
        self.number = 0
        self.modules_seen, self.files_reported = 0, set[str]()

    def serve(self) -> None:
        """Answer until the checker hangs up."""
        while head := self.receive(serialization.HEAD.size):
            text, size = serialization.lengths(head)
            self.number += 1
            try:
                request = serialization.unpack(self.receive(text), self.receive(size), self.decode)
                answer = getattr(self, request.pop("do"))(**request)
            except BaseException as error:  # sys.exit too: whatever it is, it is an answer
                answer = {"failure": describe(error, self.folder, self.memory_mb)}
            if getpid() != self.pid:
                exit_now(0)  # a fork that the submission made came back from the call, as this process did
            known = {"id": self.number, "files": self.new_files(), "torch": "torch" in modules}
            self.send(answer | known | {"processor_seconds": processor_clock()})

    def receive(self, count: int) -> bytes:
        """Read so many bytes, fewer only at the end."""
        parts = []
        while count and (part := read(self.fd, min(count, 1 << 20))):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def send(self, answer: Answer) -> None:
        """Write an answer. A value that is no data becomes None, or a failure where it was asked for."""
        asked_for = answer.pop("asked for", False)
        try:
            frame = serialization.pack(answer, self.encode)
        except serialization.TooLargeError as error:
            answer["failure"] = ("refused", f"the answer is {error}", "")
        except Exception as error:
            if asked_for:
                message = f"no array, number or container of them: {error}"
                answer["failure"] = ("refused", message, "")
        else:
            return self.write(frame)
        self.write(serialization.pack(answer | {"value": None}))
        return None

    def write(self, frame: bytes) -> None:
        """Write all of it."""
        view = memoryview(frame)
        while view:
            view = view[write(self.fd, view) :]

    def decode(self, kind: str, parts: list[Any]) -> Any:
        """Return the object or tensor that a part of a request stands for."""
        if kind == "ref":
            return self.find(parts[0])
        return load_module("torch").from_numpy(parts[0]).requires_grad_(parts[1])

    def encode(self, value: Any) -> tuple[Any, ...] | None:
        """Encode tensors as arrays of the kind "tensor"."""
        plain = self.plain(value)
        return None if plain is value else ("tensor", plain)

    def plain(self, value: Any) -> Any:
        """Return a tensor as an array, and anything else itself."""
        torch = modules.get("torch")
        if torch is None or not isinstance(value, torch.Tensor):
            return value
        tensor = value.detach().cpu().resolve_conj().resolve_neg()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()

    def stamp(self, value: Any) -> Any:
        """Return the contents of an array, tensor or list, for a comparison later; None for anything else."""
        if isinstance(value, list):
            return repr(value)
        array = self.plain(value)
        return (array.shape, array.dtype.str, array.tobytes()) if isinstance(array, ndarray) else None

    def find(self, path: str) -> Any:
        """Return what a path stands for, from an object that was made or a module. Raises MissingError."""
        name, steps = parse(path)
        start = self.objects[name] if name in self.objects else self.module(name)
        return follow(start, name, steps, self.folder)

    def module(self, name: str) -> Any:
        """Import a module of the submission, or of a library."""
        try:
            return load_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise MissingError(f"there is no {name}.py, and nothing else of that name") from None

    def new_files(self) -> list[tuple[str, str]]:
        """Return names and files of the submission's and of backproof's modules, those not yet reported.

        A file of backproof's that was opened counts as if it were a module: its text may have run.
        """
        if len(modules) == self.modules_seen and not opened:
            return []
        self.modules_seen, new = len(modules), [("backproof", file) for file in opened]
        opened.clear()
        for name, module in list(modules.items()):
            try:
                file = str(module.__file__)
                reported = file in self.files_reported
                if not reported and (file.startswith(self.folder) or name.partition(".")[0] == "backproof"):
                    self.files_reported.add(file)
                    new.append((str(name), file))
            except Exception:  # what stands there is no ordinary module
                continue
        return new

    # What a request can ask for

    def load(self, module: str) -> Answer:
        """Import a module before it is needed."""
        self.module(module)
        return {}

    def call(self, name: str, target: str, args: list[Any], kwargs: dict[str, Any], counted: bool) -> Answer:
        """Call a function, keep what it returns, and time it or count its bytecodes."""
        function, before, began = self.find(target), [self.stamp(arg) for arg in args], clock()
        value, bytecodes = counted_call(function, args, kwargs) if counted else (function(*args, **kwargs), 0)
        seconds = clock() - began
        self.objects[name] = value
        changed = [i for i, arg in enumerate(args) if self.stamp(arg) != before[i]]
        return {"value": value, "seconds": seconds, "bytecodes": bytecodes, "changed": changed}

    def fetch(self, target: str) -> Answer:
        """Return the value of a path."""
        return {"value": self.find(target), "asked for": True}

    def assign(self, target: str, value: Any) -> Answer:
        """Write into an array or tensor, or put the array where something else is.

        A complex array takes the place of a real one: written into it, its imaginary part would be lost.
        """
        name, steps = parse(target)
        old: Any = self.find(target) if steps else self.objects.get(name)
        plain = self.plain(old)
        is_tensor = plain is not old
        new = load_module("torch").from_numpy(value) if is_tensor else value
        if isinstance(plain, ndarray) and (value.dtype.kind != "c" or plain.dtype.kind == "c"):
            if plain.shape != value.shape:
                raise serialization.RefusedError(f"{target} has the shape {plain.shape}, not {value.shape}")
            if is_tensor:
                old.detach().copy_(new)
            else:
                old[...] = value
        elif steps:
            start = self.objects[name] if name in self.objects else self.module(name)
            steps[-1].put(follow(start, name, steps[:-1], self.folder), new)
        else:
            self.objects[name] = new
        return {}
