"""The MLP of question 2 in float64 NumPy, from a submission's own parameters."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.diagnosis import Mistake
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.gradcheck.derivatives import central_difference

ArrayFunction = Callable[[Array], Array]


@dataclass(frozen=True)
class LayerNames:
    """What one layer's parameters are called in the state; batch norm's prefix if it has one."""

    weight: str
    bias: str | None
    """None only where batch norm's mean would take it away."""
    transposed: bool
    norm: str | None


def find_layers(
    state: Mapping[str, Array], names: Sequence[str], sizes: Sequence[int]
) -> list[LayerNames] | Mistake:
    """Find each layer's parameters by their shapes (the sizes all differ), or say what is missing."""
    layers: list[LayerNames] = []
    norms = [name.removesuffix("running_mean") for name in state if name.endswith("running_mean")]
    matrices = [name for name in names if state[name].ndim == 2 and min(state[name].shape) > 1]
    for number, (d_in, d_out) in enumerate(pairwise(sizes), start=1):
        wanted = f"layer {number} needs a weight ({d_out}, {d_in}) and a bias ({d_out},)"
        weights = [name for name in matrices if state[name].shape in ((d_out, d_in), (d_in, d_out))]
        if len(weights) != 1:
            # Fewer layers than asked for may have been made; those that lead nowhere miss one that was.
            is_cut = len(matrices) < len(sizes) - 1 and not _leads(
                [state[name].shape for name in matrices], sizes
            )
            cause = causes.PARAMETERS_NOT_REGISTERED if is_cut else causes.WRONG_WIDTH
            return Mistake(cause, f"{wanted}; {len(weights)} such weights are registered")
        weight = weights[0]
        prefix = weight.rpartition(".")[0]
        biases = [
            name
            for name in names
            if state[name].size == d_out
            and name != weight
            and name not in [norm + parameter for norm in norms for parameter in ("weight", "bias")]
        ]
        beside = [name for name in biases if name.rpartition(".")[0] == prefix]
        norm = next((prefix for prefix in norms if state[prefix + "running_mean"].size == d_out), None)
        if not biases and norm is None:
            return Mistake(causes.PARAMETERS_NOT_REGISTERED, f"{wanted}; no such bias is registered")
        bias = (beside if len(beside) == 1 else [*biases, None])[0]
        layers.append(LayerNames(weight, bias, state[weight].shape != (d_out, d_in), norm))
    extra = set(matrices) - {layer.weight for layer in layers}
    if extra:
        explanation = f"there are more layers than asked for: {', '.join(sorted(extra))}"
        return Mistake(causes.WRONG_WIDTH, explanation)
    return layers


def _leads(shapes: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> bool:
    """Tell whether weights of these shapes lead from the inputs to the classes, one after the other."""
    counts = Counter(size for shape in shapes for size in shape)
    outer = {sizes[0], sizes[-1]}
    return outer <= set(counts) and all(
        count == (1 if size in outer else 2) for size, count in counts.items()
    )


def scores(
    state: Mapping[str, Array],
    layers: Sequence[LayerNames],
    x: Array,
    activation: ArrayFunction,
    *,
    norm_first: bool = True,
    last: ArrayFunction | None = None,
) -> Array:
    """Return the output of Linear → [batch norm →] activation for each hidden layer, then Linear."""
    for number, layer in enumerate(layers, start=1):
        weight = state[layer.weight].astype(float)
        x = x @ (weight if layer.transposed else weight.T)
        if layer.bias is not None:
            x = x + state[layer.bias].ravel()
        if number == len(layers):
            return last(x) if last else x
        x = (
            activation(_normalised(state, layer, x))
            if norm_first
            else _normalised(state, layer, activation(x))
        )
    return x


def _normalised(state: Mapping[str, Array], layer: LayerNames, x: Array) -> Array:
    """Apply batch norm by its running statistics, if there is one."""
    if layer.norm is None:
        return x
    mean, var = (state[f"{layer.norm}running_{statistic}"].astype(float) for statistic in ("mean", "var"))
    gamma, beta = (
        state.get(layer.norm + parameter, default) for parameter, default in (("weight", 1.0), ("bias", 0.0))
    )
    normalised: Array = (x - mean) / np.sqrt(var + 1e-5) * gamma + beta
    return normalised


def leaky(slope: float, positive: float = 1.0) -> ArrayFunction:
    """Return LeakyReLU with that slope for negative numbers, and another one for positive if given."""
    return lambda x: np.where(x > 0, positive * x, slope * x)


def log_softmax(x: Array) -> Array:
    """Return logarithms of probabilities (B, C)."""
    shifted = x - x.max(axis=1, keepdims=True)
    logs: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def identity(x: Array) -> Array:
    """Return x."""
    return x


ENDINGS: tuple[ArrayFunction, ...] = (identity, softmax, log_softmax)
"""What a network may end in: the assignment does not say where the softmax is."""


def numerical_gradients(
    state: dict[str, Array], names: Sequence[str], loss: Callable[[dict[str, Array]], float]
) -> dict[str, Array]:
    """Return ∂loss/∂parameter for every entry of the named parameters, by central differences in float64."""
    moved = {name: array.astype(float) for name, array in state.items()}
    return {name: central_difference(lambda _: loss(moved), moved[name], h=1e-6) for name in names}
