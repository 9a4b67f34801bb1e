"""Which functions carry which labels in their docstrings, and which of them compute what a proof compares.

A label in a docstring claims that the function computes that equation. A proof confirms it only if what it
compares is computed by this very function.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import FrameType, ModuleType
from typing import Any, NamedTuple

from backproof import numpy_nn
from backproof.proof.formula.expression import Array
from backproof.torch_nn import batchnorm

MODULES = [
    import_module(f"{package.__name__}.{file.name}")
    for package in (numpy_nn, batchnorm)
    for file in iter_modules(package.__path__)
]
"""All modules of hand-written code."""
_COMPOSED = "layers in a row; tests/numpy_nn/test_gradients.py compares MLP's gradients with numerical ones"
_GROUPS = "needs a group of processes; tests/torch_nn/test_batchnorm_joint_statistics.py starts them"
_AUTOGRAD = "has no formula; tests/torch_nn/test_batchnorm_function.py compares it under every transform"
EXEMPT = {
    "numpy_nn.losses.one_hot": "zeros and ones, as equations have them by δ",
    "numpy_nn.sequential.Sequential": _COMPOSED,
    "torch_nn.batchnorm.function.BatchNormFunction": _AUTOGRAD,
    "torch_nn.batchnorm.batch_norm_modules.BatchNorm.extra_repr": "is text",
    "torch_nn.batchnorm.joint_statistics.joint_statistics": _GROUPS,
    "torch_nn.batchnorm.joint_statistics.sum_over_processes": _GROUPS,
    "torch_nn.batchnorm.joint_statistics.totals": _GROUPS,
}
"""Public functions, and classes with all their methods, that no proof runs, and why."""
_LABEL = re.compile(r"^ *([a-z]\w*\.\w+):  +\S", re.MULTILINE)


@dataclass(frozen=True)
class LabelledFunction:
    """A function or method of the hand-written code.

    A module whose docstring carries labels counts as one that never runs, and so does a class with labels
    that has no public method.
    """

    module: ModuleType
    qualname: str
    labels: frozenset[str]
    """Those in its docstring, and in that of the class whose public method it is."""
    public: bool

    @property
    def name(self) -> str:
        """Its full name without the package's."""
        return ".".join(filter(None, (self.module.__name__.removeprefix("backproof."), self.qualname)))


def functions() -> list[LabelledFunction]:
    """Return every function and method of the hand-written code."""
    return [function for module in MODULES for function in _functions_of(module)]


@cache
def _functions_of(module: ModuleType) -> tuple[LabelledFunction, ...]:
    tree = ast.parse(inspect.getsource(module))
    itself = LabelledFunction(module, "", _labels(tree), public=False)
    return (*([itself] if itself.labels else []), *_functions_in(tree, module, ""))


def _functions_in(
    parent: ast.AST, module: ModuleType, prefix: str, of_class: frozenset[str] = frozenset()
) -> Iterator[LabelledFunction]:
    for node in ast.iter_child_nodes(parent):
        match node:
            case ast.FunctionDef(name):
                hidden = any(part[0] in "_<" and part != "__call__" for part in f"{prefix}{name}".split("."))
                public = not (hidden or _is_declaration(node))
                labels = _labels(node) | (of_class if public else frozenset())
                yield LabelledFunction(module, prefix + name, labels, public)
                yield from _functions_in(node, module, f"{prefix}{name}.<locals>.")
            case ast.ClassDef(name):
                labels = _labels(node)
                methods = list(_functions_in(node, module, f"{prefix}{name}.", labels))
                yield from methods
                if labels and not any(method.public for method in methods):
                    yield LabelledFunction(module, prefix + name, labels, public=False)
            case ast.stmt():
                yield from _functions_in(node, module, prefix, of_class)


def _is_declaration(node: ast.FunctionDef) -> bool:
    """Tell whether there is nothing but a docstring, as in a protocol."""
    return len(node.body) == 1 and isinstance(node.body[0], ast.Expr)


def _labels(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> frozenset[str]:
    return frozenset(_LABEL.findall(ast.get_docstring(node) or ""))


def not_computing(label: str, computing: Iterable[str]) -> list[str]:
    """Name the functions whose docstrings carry a label, but for the functions that compute it."""
    return sorted({function.name for function in functions() if label in function.labels} - set(computing))


def unproven(computing: Iterable[str]) -> list[str]:
    """Name the public functions that compute nothing which a proof compares, and are not exempt."""
    public = {function.name for function in functions() if function.public} - set(computing)
    return sorted(name for name in public if not any(_is_in(name, exempt) for exempt in EXEMPT))


def _is_in(name: str, whole: str) -> bool:
    return f"{name}.".startswith(f"{whole}.")


class Traced(NamedTuple):
    """Values, and the names of the functions of hand-written code that played a part in them."""

    values: list[Array]
    computing: frozenset[str]
    """Those that computed them: of the last call before each value, with all that it calls.

    There may be others before, such as forward before backward.
    """
    running: frozenset[str]
    """All that ran."""


def traced(values: Iterable[Array]) -> Traced:
    """Compute all values, and see which functions of hand-written code run."""
    computed, computing, calls = [], set(), _Calls()
    profile = sys.getprofile()
    sys.setprofile(calls.see)
    try:
        for value in values:
            computed.append(value)
            computing |= calls.last
    finally:
        sys.setprofile(profile)
    return Traced(computed, frozenset(computing), frozenset(calls.all))


class _Calls:
    """The functions that ran, and those that did in the last call into the hand-written code."""

    def __init__(self) -> None:
        self.all: set[str] = set()
        self.last: set[str] = set()
        self._depth = 0
        self._modules = {module.__name__ for module in MODULES}

    def see(self, frame: FrameType, event: str, _: Any) -> None:
        """Take note of a call or a return."""
        module = frame.f_globals.get("__name__")
        if module not in self._modules or event not in ("call", "return"):
            return
        if event == "return":
            self._depth -= 1
            return
        if self._depth == 0:
            self.last = set()
        self._depth += 1
        name = f"{module.removeprefix('backproof.')}.{frame.f_code.co_qualname}"
        self.last.add(name)
        self.all.add(name)
