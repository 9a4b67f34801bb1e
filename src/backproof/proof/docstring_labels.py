"""Which functions carry which labels in their docstrings, and which of them compute what a proof compares.

A label in a docstring claims that the function computes that equation. A proof confirms it only if what it
compares is computed by this very function.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, get_origin

from backproof import numpy_nn
from backproof.proof.equations import EQUATIONS
from backproof.torch_nn import batchnorm, offset_products

MODULES = [
    import_module(f"{package.__name__}.{file.name}")
    for package in (numpy_nn, batchnorm)
    for file in iter_modules(package.__path__)
] + [offset_products]
"""All modules of hand-written code."""
_COMPOSED = "layers in a row; tests/numpy_nn/test_gradients.py compares MLP's gradients with numerical ones"
_GROUPS = "needs a group of processes; tests/torch_nn/test_batchnorm_joint_statistics.py starts them"
_AUTOGRAD = "has no formula; tests/torch_nn/test_batchnorm_function.py compares it under every transform"
_CHOICE = "chooses between forms that proofs run one by one; tests/torch_nn/test_which_form_runs.py"
_ORIGIN = (
    "any of a channel's numbers will do; tests/torch_nn/test_batchnorm_far_from_zero.py tests which is taken"
)
_MODE = "sets what forward computes; tests/numpy_nn/test_layer_modes.py tests both"
_PAIRS = "takes a size for both axes or two; tests/numpy_nn/test_layer_modes.py tests both"
_SHAPE = "has no formula; tests/numpy_nn/test_layer_modes.py compares with PyTorch's"
_SHARE = "chooses between forms; tests/torch_nn/test_conv2d.py tests both"
_REFUSES = "refuses dtypes; tests/numpy_nn/test_layer_inputs.py tests which"
_PREPARES = (
    "prepares an optimizer's steps; tests/numpy_nn/test_optimizers.py compares those of all kinds of arrays"
)
_INITIAL = "draws weights, which proofs replace; tests/numpy_nn/test_layer_inputs.py tests their distribution"
_STARTS = (
    "sets weights, which proofs replace; tests/numpy_nn/test_initialization.py tests where and how large"
)
_COPY = "copies a module; tests/training/test_torch_processes.py trains with such a copy"
EXEMPT = {
    "numpy_nn.losses.one_hot": "zeros and ones, as equations have them by δ",
    "numpy_nn.array_checks.require_float_dtype": _REFUSES,
    "numpy_nn.batchnorm.BatchNorm.eval": _MODE,
    "numpy_nn.batchnorm.BatchNorm.train": _MODE,
    "numpy_nn.chunks.chunks_of": _PREPARES,
    "numpy_nn.chunks.require_real": _PREPARES,
    "numpy_nn.chunks.require_same_layout": _PREPARES,
    "numpy_nn.chunks.scratch_for": _PREPARES,
    "numpy_nn.conv2d.Conv2d.__init__": _INITIAL,
    "numpy_nn.convnet.ConvNet": _COMPOSED,
    "numpy_nn.dropout.Dropout.__init__": _MODE,
    "numpy_nn.dropout.Dropout.eval": _MODE,
    "numpy_nn.dropout.Dropout.train": _MODE,
    "numpy_nn.flatten.Flatten": _SHAPE,
    "numpy_nn.initialization.draw_local": _STARTS,
    "numpy_nn.initialization.draw_uniform": _INITIAL,
    "numpy_nn.initialization.set_dirac": _STARTS,
    "numpy_nn.linear.Linear.__init__": _INITIAL,
    "numpy_nn.mlp.MLP": _COMPOSED,
    "numpy_nn.optimizer_settings": _PREPARES,
    "numpy_nn.sequential.Sequential": _COMPOSED,
    "numpy_nn.windows.make_windows": _PAIRS,
    "torch_nn.batchnorm.batch_norm_modules.BatchNorm.__deepcopy__": _COPY,
    "torch_nn.batchnorm.function.BatchNormFunction": _AUTOGRAD,
    "torch_nn.batchnorm.cpu_passes._are_rows": _CHOICE,
    "torch_nn.batchnorm.function.runs_loops": _CHOICE,
    "torch_nn.batchnorm.function._is_recorded": _CHOICE,
    "torch_nn.batchnorm.function._is_transformed": _CHOICE,
    "torch_nn.batchnorm.function._numba_is_installed": _CHOICE,
    "torch_nn.batchnorm.loops._origin_of": _ORIGIN,
    "torch_nn.batchnorm.joint_statistics._AllReduce": _GROUPS,
    "torch_nn.batchnorm.joint_statistics.joint_statistics": _GROUPS,
    "torch_nn.batchnorm.joint_statistics.sum_over_processes": _GROUPS,
    "torch_nn.batchnorm.joint_statistics.totals": _GROUPS,
    "torch_nn.offset_products.useful_share": _SHARE,
}
"""Functions, and classes with all their methods, that compute nothing which a proof compares, and why.

Neither have public ones to be run by a proof, nor does the mutation test break any.
"""
_LABEL = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, EQUATIONS))}):")


@dataclass(frozen=True)
class LabelledFunction:
    """A function or method of the hand-written code.

    What carries labels, or is public, without a ``def`` in its place counts as one that never runs: a module
    with labels; a class with labels and no public method; an inherited public method of a class with labels;
    a lambda or another function that is assigned to a name.
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
    itself = LabelledFunction(module, "", labels_in(ast.get_docstring(tree)), public=False)
    return (*([itself] if itself.labels else []), *_functions_in(tree, module, ""))


def _functions_in(
    parent: ast.AST, module: ModuleType, prefix: str, of_class: frozenset[str] = frozenset()
) -> Iterator[LabelledFunction]:
    for node in ast.iter_child_nodes(parent):
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                public = _is_public(prefix + name) and not _is_declaration(node)
                labels = labels_in(ast.get_docstring(node)) | (of_class if public else frozenset())
                yield LabelledFunction(module, prefix + name, labels, public)
                yield from _functions_in(node, module, f"{prefix}{name}.<locals>.")
            case ast.ClassDef(name):
                labels = labels_in(ast.get_docstring(node))
                methods = list(_functions_in(node, module, f"{prefix}{name}.", labels))
                if labels:
                    methods.extend(_inherited(module, f"{prefix}{name}", labels))
                yield from methods
                if labels and not any(method.public for method in methods):
                    yield LabelledFunction(module, prefix + name, labels, public=False)
            case ast.Assign() | ast.AnnAssign():
                yield from _assigned(node, module, prefix, of_class)
            case ast.stmt():
                yield from _functions_in(node, module, prefix, of_class)


def _is_public(qualname: str) -> bool:
    return not any(part[0] in "_<" and part != "__call__" for part in qualname.split("."))


def _is_declaration(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether there is nothing but a docstring, as in a protocol."""
    return len(node.body) == 1 and isinstance(node.body[0], ast.Expr)


def _assigned(
    node: ast.Assign | ast.AnnAssign, module: ModuleType, prefix: str, of_class: frozenset[str]
) -> Iterator[LabelledFunction]:
    """Yield the public names that a statement gives to functions; types are none."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    parts = (part for target in targets for part in ast.walk(target))
    names = [
        prefix + part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    ]
    for qualname in filter(_is_public, names):
        value = _value(module, qualname)
        if callable(value) and not isinstance(value, type) and get_origin(value) is None:
            labels = labels_in(getattr(value, "__doc__", None)) | of_class
            yield LabelledFunction(module, qualname, labels, public=True)


def _inherited(module: ModuleType, qualname: str, labels: frozenset[str]) -> Iterator[LabelledFunction]:
    """Yield the public methods that a class takes from others."""
    cls = _value(module, qualname)
    if not isinstance(cls, type):  # a class inside a function has no value here
        return
    for name in dir(cls):
        if name not in vars(cls) and _is_public(name) and callable(getattr(cls, name)):
            yield LabelledFunction(module, f"{qualname}.{name}", labels, public=True)


def _value(module: ModuleType, qualname: str) -> Any:
    """Return what a name stands for, None if it is only declared."""
    value: Any = module
    for name in qualname.split("."):
        value = getattr(value, name, None)
    return value


def labels_in(docstring: str | None) -> frozenset[str]:
    """Return the labels of equations that a docstring carries: each before a colon."""
    return frozenset(_LABEL.findall(docstring or ""))


def not_computing(label: str, computing: Iterable[str]) -> list[str]:
    """Name the functions whose docstrings carry a label, but for the functions that compute it."""
    return sorted({function.name for function in functions() if label in function.labels} - set(computing))


def not_run_by_proofs(computing: Iterable[str]) -> list[str]:
    """Name the public functions that do not run where a proof computes what it compares, and are not exempt.

    That one runs does not say yet that a proof depends on what it returns: the mutation test does.
    """
    public = {function.name for function in functions() if function.public} - set(computing)
    return sorted(name for name in public if not is_exempt(name))


def is_exempt(name: str) -> bool:
    """Tell whether a function, or a class around it, is exempt."""
    return any(f"{name}.".startswith(f"{exempt}.") for exempt in EXEMPT)
