"""What PyTorch makes of an equation's left side: its own functions, and autograd for every derivative."""

from collections.abc import Callable

import torch
from torch import Tensor

from backproof.proof.code import TORCH
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import Symbol, grad
from backproof.proof.signatures import Tensors

# torch has it without types.
_jacobian: Callable[..., Tensor] = torch.autograd.functional.jacobian


def torch_value(equation: Equation, sample: Sample) -> Array:
    """Return an equation's left side at a sample."""
    value: Array = _left_side(equation, sample).numpy()
    return value


def _left_side(equation: Equation, sample: Sample) -> Tensor:
    graph, name = equation.graph, equation.left.name
    compute = TORCH[graph.name]
    upstream: Tensors = {grad(symbol): torch.tensor(array) for symbol, array in sample.upstream.items()}
    lengths: Tensors = {size: torch.tensor(number) for size, number in sample.sizes.items()}
    given = (
        lengths
        | upstream
        | {
            symbol: torch.tensor(array)
            for symbol, array in sample.arrays.items()
            if isinstance(symbol, Symbol) and symbol not in graph.defined
        }
    )
    if isinstance(name, Symbol):
        return compute(given)[name]
    by = torch.tensor(sample[name.by]).requires_grad_()
    if name.of is None:
        outputs = compute({**given, name.by: by})
        losses = [(outputs[symbol] * upstream[grad(symbol)]).sum() for symbol in sample.upstream]
        return torch.autograd.grad(torch.stack(losses).sum(), by)[0]
    of = name.of
    return _jacobian(lambda x: compute({**given, name.by: x})[of], by)
