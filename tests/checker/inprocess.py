"""The sandbox's run and reset without a sandbox: for tests of checks, which shall be quick."""

import contextlib
import copy
import importlib
import io
import re
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from backproof.checker.calls import Answer, Assign, Call, Failure, Fetch, Ref, Request, Tensor
from backproof.checker.sandbox.child.bytecode_count import counted_call
from checker.catalogue import write

_STEP = re.compile(r"\.?([^\W\d]\w*)|\[(?:'([^']*)'|(-?\d+))\]")


class InProcess:
    """Run a folder's code in this process; modules of its names go when ``reset`` is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects: dict[str, Any] = {}

    def reset(self) -> None:
        self.objects = {}
        for path in self.folder.glob("*.py"):
            sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        sys.path.insert(0, str(self.folder))
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                return [self._answer(request) for request in requests]
        finally:
            sys.path.remove(str(self.folder))

    def _answer(self, request: Request) -> Answer:
        try:
            return self._do(request)
        except _MissingError as error:
            return Answer(failure=Failure("missing", str(error)))
        except _NoDataError as error:
            return Answer(failure=Failure("refused", str(error)))
        except NotImplementedError as error:
            return Answer(failure=Failure("not implemented", repr(error)))
        except Exception as error:  # whatever the submission raises
            return Answer(failure=Failure("crashed", f"{type(error).__name__}: {error}"))

    def _do(self, request: Request) -> Answer:
        if isinstance(request, Fetch):
            return Answer(_data(self._find(request.target)))
        if isinstance(request, Assign):
            target = self._find(request.target)
            if isinstance(target, torch.Tensor):
                with torch.no_grad():
                    target.copy_(torch.from_numpy(request.value))
            else:
                target[...] = request.value
            return Answer()
        assert isinstance(request, Call)
        return self._call(request)

    def _call(self, call: Call) -> Answer:
        args = [self._argument(argument) for argument in call.args]
        before = [_stamp(argument) for argument in args]
        kwargs = {name: self._argument(argument) for name, argument in call.kwargs.items()}
        function, bytecodes, start = self._find(call.target), 0, time.perf_counter()
        if call.counted:
            value, bytecodes = counted_call(function, args, kwargs)
        else:
            value = function(*args, **kwargs)
        seconds = time.perf_counter() - start
        self.objects[call.name] = value
        changed = [i for i, argument in enumerate(args) if _stamp(argument) != before[i]]
        try:
            data = _data(value)
        except (_NoDataError, ValueError):  # a lazy layer's parameters are no data before its first call
            data = None
        return Answer(data, None, seconds, bytecodes, tuple(changed))

    def _argument(self, value: Any) -> Any:
        if isinstance(value, Ref):
            return self._find(value.path)
        if isinstance(value, Tensor):
            return torch.from_numpy(value.array.copy()).requires_grad_(value.requires_grad)
        return copy.deepcopy(value)

    def _find(self, path: str) -> Any:
        first, *steps = [match.groups() for match in _STEP.finditer(path)]
        found = self.objects[first[0]] if first[0] in self.objects else self._module(first[0])
        for attribute, key, index in steps:
            try:
                if attribute:
                    found = getattr(found, attribute)
                else:
                    found = found[key if index is None else int(index)]
            except (AttributeError, LookupError, TypeError) as error:
                raise _MissingError(f"{path}: {error}") from None
        return found

    def _module(self, name: str) -> Any:
        if name not in ("torch", "builtins") and not (self.folder / f"{name}.py").exists():
            raise _MissingError(f"there is no {name}.py")
        return importlib.import_module(name)


@contextlib.contextmanager
def in_process(files: Mapping[str, str]) -> Iterator[InProcess]:
    """Yield a runner of a submission's files."""
    with TemporaryDirectory() as folder:
        runner = InProcess(write(dict(files), Path(folder)))
        runner.reset()
        try:
            yield runner
        finally:
            runner.reset()


class _MissingError(Exception):
    pass


class _NoDataError(Exception):
    pass


def _stamp(value: Any) -> Any:
    """Return what changes when an argument is written to."""
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    return (
        array.tobytes() if isinstance(array, np.ndarray) else repr(value) if isinstance(value, list) else None
    )


def _data(value: Any) -> Any:
    """Return data as they would come over the wire."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().copy()
    if isinstance(value, np.ndarray | np.number | int | float | str | None):
        return copy.deepcopy(value)
    if isinstance(value, dict):
        return {key: _data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_data(item) for item in value]
    raise _NoDataError(f"{type(value).__name__} is no data")
