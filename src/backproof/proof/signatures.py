"""The functions that an equation is compared with: the layers' code, and PyTorch's own."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import Name, Size

Code = Callable[[Sample], Any]
"""Computes an array, or yields several that should all be the same."""
Tensors = dict[Name | Size, Tensor]
Torch = Callable[[Tensors], Tensors]
"""Computes what a graph defines by PyTorch's own functions; a symbol that is given is not computed again."""
