"""Find the linear layers of an MLP, in whatever attributes and containers it keeps them."""

from collections.abc import Sequence

from backproof.checker.calls import Call, Fetch, Ref, Runner, optional_array

_DEPTH = 7
_MAX_PARTS = 64
_PLAIN = {
    "int", "float", "str", "bool", "ndarray", "NoneType", "float64", "float32", "type", "module",
    "function", "method", "builtin_function_or_method", "method-wrapper",
}  # fmt: skip
"""Kinds of objects that hold no layers."""


def find_linear(runner: Runner, start: str) -> dict[str, tuple[int, ...]]:
    """Return paths and shapes of all that has params['weight'], in containers and attributes."""
    shapes: dict[str, tuple[int, ...]] = {}
    paths = [start]
    for _ in range(_DEPTH):
        inner = []
        weights = runner.run([Fetch(f"{path}.params['weight']") for path in paths])
        for path, answer in zip(paths, weights, strict=True):
            weight = optional_array(answer)
            if weight is None:
                inner.append(path)
            else:
                shapes[path] = weight.shape
        paths = [child for path in inner for child in _children(runner, path)][:_MAX_PARTS]
    return shapes


def _children(runner: Runner, path: str) -> list[str]:
    """Return the paths of an object's attributes, its class's among them, and of its items."""
    names = [str(name) for name in _list(runner, "dir", path)]
    parts = [f"{path}.{name}" for name in names if name.isidentifier() and not name.startswith("__")]
    if "__getitem__" in names:
        items = _list(runner, "list", path) if "keys" in names else range(_length(runner, path))
        parts += [f"{path}[{key!r}]" for key in items if isinstance(key, str | int)]
    kinds = runner.run([Fetch(f"{part}.__class__.__name__") for part in parts])
    return [
        part
        for part, kind in zip(parts, kinds, strict=True)
        if isinstance(kind.value, str) and kind.value not in _PLAIN
    ]


def _list(runner: Runner, function: str, path: str) -> Sequence[object]:
    value = runner.run([Call("_listed", f"builtins.{function}", (Ref(path),))])[0].value
    return value if isinstance(value, list) else []


def _length(runner: Runner, path: str) -> int:
    value = runner.run([Call("_length", "builtins.len", (Ref(path),))])[0].value
    return min(value, _MAX_PARTS) if isinstance(value, int) else 0
