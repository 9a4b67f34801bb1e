"""Turn requests into messages to a worker, and its messages, which are not trusted, into answers."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from backproof.checker.calls import Answer, Assign, Call, Fetch, Ref, Request, Tensor
from backproof.checker.sandbox.child import serialization
from backproof.checker.sandbox.failures import failure_answer

KINDS = {"crashed", "missing", "not implemented", "killed", "refused"}


@dataclass(frozen=True)
class Reply:
    """A worker's message."""

    answer: Answer
    files: list[tuple[str, str]]
    """Names and paths of the modules that were imported since the last reply."""
    has_torch: bool
    processor_seconds: float
    """What the worker had of a processor since its start."""


def pack_request(request: Request) -> bytes:
    """Turn a request into a frame. Raises RefusedError for arguments that are no data."""
    match request:
        case Call():
            named = {"do": "call", "name": request.name, "target": request.target}
            arguments = {"args": list(request.args), "kwargs": request.kwargs, "counted": request.counted}
            return serialization.pack({**named, **arguments}, _encode)
        case Assign():
            return serialization.pack({"do": "assign", "target": request.target, "value": request.value})
        case Fetch():
            return serialization.pack({"do": "fetch", "target": request.target})


def pack_import(module: str) -> bytes:
    """Return the frame that asks for an import alone."""
    return serialization.pack({"do": "load", "module": module})


def unpack_reply(text: bytes, data: bytes, number: int) -> Reply:
    """Read the reply to the request of that number. Raises RefusedError."""
    tree = serialization.unpack(text, data, _decode)
    if not isinstance(tree, dict) or tree.get("id") != number:
        raise serialization.RefusedError("not the answer to what was asked")
    failure, files = tree.get("failure"), tree.get("files", [])
    seconds, bytecodes = tree.get("seconds", 0.0), tree.get("bytecodes", 0)
    processor_seconds = tree.get("processor_seconds", 0.0)
    changed = tree.get("changed", [])
    well_formed = (
        isinstance(seconds, float)
        and isinstance(processor_seconds, float)
        and isfinite(processor_seconds)
        and isinstance(bytecodes, int)
        and 0 <= bytecodes < 1 << 62
        and _is_list(changed, int)
        and _is_list(files, tuple)
        and all(len(file) == 2 and _is_list(list(file), str) for file in files)
        and (failure is None or _is_failure(failure))
    )
    if not well_formed:
        raise serialization.RefusedError("no answer")
    if failure is not None:
        answer = failure_answer(*map(str, failure))
    else:
        answer = Answer(tree.get("value"), seconds=seconds, bytecodes=bytecodes, changed=tuple(changed))
    return Reply(answer, files, tree.get("torch") is True, processor_seconds)


def name_made(request: Request) -> str | None:
    """Return the name that an object gets by a request."""
    match request:
        case Call():
            return request.name
        case Assign() if request.target == first_name(request.target):
            return request.target
    return None


def names_used(request: Request) -> list[str]:
    """Return the names of the objects or modules that a request refers to, its target's first."""
    paths = [request.target, *(value.path for value in _values(request) if isinstance(value, Ref))]
    return [first_name(path) for path in paths]


def uses_torch(request: Request) -> bool:
    """Tell whether a request itself needs torch."""
    return any(isinstance(value, Tensor) for value in _values(request))


def first_name(path: str) -> str:
    """Return the first part of a path such as ``layer.params['bias']``."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _encode(value: Any) -> tuple[Any, ...] | None:
    if isinstance(value, Ref):
        return ("ref", value.path)
    return ("tensor", value.array, value.requires_grad) if isinstance(value, Tensor) else None


def _decode(kind: str, parts: list[Any]) -> Any:
    if kind != "tensor" or len(parts) != 1:
        raise serialization.RefusedError("of an unknown kind")
    return parts[0]


def _values(request: Request) -> list[Any]:
    """Return all values of a request's arguments, those in containers too."""
    values: list[Any] = [*request.args, *request.kwargs.values()] if isinstance(request, Call) else []
    for value in values:  # grows during the loop
        if isinstance(value, list | tuple):
            values += value
        elif isinstance(value, dict):
            values += value.values()
    return values


def _is_failure(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and str(value[0]) in KINDS


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)
