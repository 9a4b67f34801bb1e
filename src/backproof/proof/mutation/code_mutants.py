"""The layers' code with one thing wrong: an operator, a number, a transpose, a function, a lost statement."""

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from types import CodeType, FunctionType
from typing import Any

from backproof.proof.docstring_labels import LabelledFunction

_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.Lt: ast.Gt}
_NAMES = {
    "sum": "mean", "mean": "sum", "max": "min", "min": "max", "sub": "add", "add": "sub", "subtract": "add",
    "mul": "div", "div": "mul", "multiply": "divide", "addcmul": "addcdiv", "rsqrt": "sqrt", "square": "abs",
}  # fmt: skip
"""Functions and methods, whatever underscores are around their names: in-place ones and private ones too."""
_GROUP = ("group is not None", "self.process_group is not None")
_LONGEST = 80
"""Characters that a change is shown with, if it is not longer itself."""


_FUNCTION = "torch_nn.batchnorm.function"
EQUIVALENT = {
    (
        "numpy_nn.channels.sum_over_pixels",
        "of_each: Array = np.ones((1, pixels.shape[1]), x.dtype) @ pixels → of_each: Array = pixels",
    ): "the sum that follows adds up what the product would have",
    (
        "numpy_nn.channels.sum_over_pixels",
        "samples = x[None] if x.ndim == 2 else x → samples = x[None] if x.ndim == 3 else x",
    ): "features have the same sum as samples of one pixel each, only more slowly",
    (
        f"{_FUNCTION}.PlainBatchNorm.forward",
        "ctx.mark_non_differentiable(mean, var) → pass",
    ): "the modules detach mean and variance, so nothing asks for their gradients",
    (
        f"{_FUNCTION}.PlainBatchNorm.forward",
        "ctx.set_materialize_grads(False) → pass",
    ): "the gradients of mean and variance would be zeros, which backward does not read",
}
"""Changes that change no result, and why."""


@dataclass(frozen=True)
class _Site:
    """A node, the field that holds it, alone or in a list, and all nodes around it, the nearest last."""

    node: ast.AST
    field: str
    number: int | None
    above: tuple[ast.AST, ...]

    def put(self, node: ast.AST) -> None:
        """Put a node in this place."""
        if self.number is None:
            setattr(self.above[-1], self.field, node)
        else:
            getattr(self.above[-1], self.field)[self.number] = node

    def shown(self) -> ast.AST | None:
        """Choose the largest of the nodes around that is short enough to show."""
        short = (ast.expr, ast.keyword, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)
        fit = (node for node in self.above if isinstance(node, short) and len(ast.unparse(node)) <= _LONGEST)
        return next(fit, None)


def code_mutants(function: LabelledFunction) -> Iterator[tuple[str, CodeType]]:
    """Yield what is changed in a function, and its code with that change, one at a time."""
    tree = ast.parse(inspect.getsource(function.module))
    free_variables = compiled(tree, function).co_freevars
    for site in list(_sites(_definition(tree, function))):
        for new in _instead(site.node):
            shown = site.shown()
            before = ast.unparse(shown or site.node)
            site.put(new)
            after = ast.unparse(shown or new)
            code = compiled(tree, function)
            # A function without its only super() has lost a free variable, and would not take the code.
            if code.co_freevars == free_variables:
                yield f"{before} → {after}", code
            site.put(site.node)


def compiled(tree: ast.Module, function: LabelledFunction) -> CodeType:
    """Compile a module's tree, and return the code of one function in it."""
    whole = compile(ast.fix_missing_locations(tree), f"<mutant of {function.module.__name__}>", "exec")
    return next(code for code in _codes_in(whole) if code.co_qualname == function.qualname)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_in(constant)


@contextmanager
def replaced(function: LabelledFunction, code: CodeType) -> Iterator[None]:
    """Let a function run other code."""
    target: Any = reduce(getattr, function.qualname.split("."), function.module)
    target = inspect.unwrap(target)
    assert isinstance(target, FunctionType)
    original = target.__code__
    try:
        target.__code__ = code
        yield
    finally:
        target.__code__ = original


def _definition(tree: ast.AST, function: LabelledFunction) -> ast.AST:
    for name in function.qualname.split("."):
        tree = next(node for node in ast.iter_child_nodes(tree) if getattr(node, "name", None) == name)
    return tree


def _sites(parent: ast.AST, above: tuple[ast.AST, ...] = ()) -> Iterator[_Site]:
    """Yield all places within a node, but those that are left out."""
    for field, value in ast.iter_fields(parent):
        if _left_out(parent, field):
            continue
        listed = isinstance(value, list)
        nodes = _until_processes_part(value) if listed else [value]
        for number, node in enumerate(nodes):
            if isinstance(node, ast.AST) and not _refuses(node) and not _is_any_negative(node, parent, above):
                yield _Site(node, field, number if listed else None, (*above, parent))
                yield from _sites(node, (*above, parent))


def _left_out(parent: ast.AST, field: str) -> bool:
    """Leave out a function's head, types, and what runs in a group of processes, which other tests start."""
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
        return field != "body"
    if isinstance(parent, ast.If) and ast.unparse(parent.test) in _GROUP:
        return field != "orelse"
    return field == "annotation"


def _until_processes_part(nodes: list[ast.AST]) -> list[ast.AST]:
    """Stop after an ``if group is None: return``."""
    for number, node in enumerate(nodes):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "group is None":
            return nodes[: number + 1]
    return nodes


def _refuses(node: ast.AST) -> bool:
    """Tell whether a statement only refuses input, or is a docstring."""
    match node:
        case ast.Assert() | ast.Raise() | ast.If(body=[*_, ast.Raise()]) | ast.Expr(ast.Constant()):
            return True
        case ast.Expr(ast.Call(ast.Name(name))):
            return name.startswith("require_")
    return False


def _is_any_negative(node: ast.AST, parent: ast.AST, above: tuple[ast.AST, ...]) -> bool:
    """Tell whether a node is the 1 of a ``reshape(-1)``: NumPy takes any negative size for what is left."""
    match node, parent, above:
        case ast.Constant(1), ast.UnaryOp(ast.USub()), (*_, ast.Call(ast.Attribute(_, "reshape"))):
            return True
    return False


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place, its parts as they are."""
    match node:
        case ast.BinOp(left, operator, right):
            if type(operator) in _OPERATORS:
                yield ast.BinOp(left, _OPERATORS[type(operator)](), right)
            if isinstance(operator, ast.Mult | ast.MatMult):
                yield from (left, right)
        case ast.AugAssign(target, operator, value) if type(operator) in _OPERATORS:
            yield ast.AugAssign(target, _OPERATORS[type(operator)](), value)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Compare(left, [operator], right) if type(operator) in _COMPARISONS:
            yield ast.Compare(left, [_COMPARISONS[type(operator)]()], right)
        case ast.Constant(int() | float() as n) if not isinstance(n, bool):
            yield ast.Constant(n + 1)
        case ast.Attribute(value, "T"):
            yield value
        case ast.Expr(ast.Call()):
            yield ast.Pass()
        case ast.Call(ast.Attribute(value, name, context), arguments, keywords) if name.strip("_") in _NAMES:
            yield ast.Call(ast.Attribute(value, _renamed(name), context), arguments, keywords)
        case ast.Call(ast.Name(name, context), arguments, keywords) if name.strip("_") in _NAMES:
            yield ast.Call(ast.Name(_renamed(name), context), arguments, keywords)


def _renamed(name: str) -> str:
    core = name.strip("_")
    return name.replace(core, _NAMES[core])
