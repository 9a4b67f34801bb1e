"""What the layers' code computes under each label, and PyTorch's own function: files as in equations/.

Each declares ``CODE``, by label, and ``TORCH``, by the name of the graph that an equation is about.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from torch import Tensor

from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import Name

Code = Callable[[Sample], Any]
"""Computes an array, or yields several that should all be the same."""
Tensors = dict[Name, Tensor]
Torch = Callable[[Tensors], Tensors]
"""Computes what a graph defines by PyTorch's own functions; a symbol that is given is not computed again."""

# The files import the types above from here, so they come last.
_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
CODE: dict[str, Code] = {label: code for file in _FILES for label, code in file.CODE.items()}
TORCH: dict[str, Torch] = {graph: torch for file in _FILES for graph, torch in file.TORCH.items()}
