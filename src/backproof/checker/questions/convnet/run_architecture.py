"""Run an architecture with a submission's own parameters; only here is torch imported, when it is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backproof.arrays import Array
from backproof.checker.questions.convnet.architectures import CONVS, WIDTHS, Architecture, LayerSpec


@dataclass(frozen=True, eq=False)
class NormTensors:
    """A batch norm's parameters and running statistics, each None if it has none."""

    gamma: Tensor | None
    beta: Tensor | None
    mean: Tensor | None
    var: Tensor | None

    @property
    def width(self) -> int:
        """The number of channels."""
        return next(
            len(tensor) for tensor in (self.gamma, self.beta, self.mean, self.var) if tensor is not None
        )


@dataclass(frozen=True)
class ConvNetTensors:
    """All that a ConvNet has registered."""

    convs: list[tuple[Tensor, Tensor | None]]
    norms: list[NormTensors]
    linear: tuple[Tensor, Tensor | None]


@dataclass
class RunOutput:
    """An output, and the batch's mean after each convolution, by its number."""

    output: Array
    means: dict[int, Tensor] = field(default_factory=dict)


def as_tensors(
    state: Mapping[str, Array], convs: Sequence[str], linear: str, norms: Mapping[str, Sequence[str]]
) -> ConvNetTensors:
    """Take them from a state; ``norms``: prefix → names of γ, β, mean and variance, empty where missing."""

    def tensor(name: str) -> Tensor | None:
        return torch.from_numpy(state[name].astype(np.float32)).reshape(-1) if name in state else None

    def pair(weight: str) -> tuple[Tensor, Tensor | None]:
        return torch.from_numpy(state[weight].astype(np.float32)), tensor(
            weight.removesuffix("weight") + "bias"
        )

    weight, bias = pair(linear)
    tensors = [NormTensors(*(tensor(name) for name in names)) for names in norms.values()]
    return ConvNetTensors([pair(name) for name in convs], tensors, (weight.flatten(1), bias))


def orders(convs: Sequence[tuple[Tensor, Tensor | None]]) -> list[list[tuple[Tensor, Tensor | None]]]:
    """Return the orders in which the convolutions may run: as registered, then all that the widths allow."""
    orders = []
    for order in permutations(range(len(convs))) if len(convs) <= len(CONVS) else ():
        if all(
            convs[i][0].shape[0] == w[1] and (n == 0 or convs[i][0].shape[1] == w[0])
            for n, (i, w) in enumerate(zip(order, WIDTHS, strict=False))
        ):
            orders.append([convs[i] for i in order])
    return orders


@torch.no_grad()
def run_architecture(
    architecture: Architecture,
    given: ConvNetTensors,
    images: Array,
    *,
    norms: Mapping[int, NormTensors] | None = None,
    eps: float = 1e-5,
) -> RunOutput | None:
    """Return the output, None if the sizes do not fit; with ``norms``, by running statistics."""
    x, means, left = torch.from_numpy(images), {}, list(given.norms)
    for layer in architecture:
        if layer.kind == "norm":
            means[layer.number] = x.mean(dim=(0, 2, 3))
            norm = norms.get(layer.number) if norms is not None else _next(left, x.shape[1])
            x = _normalised(x, norm, eps, running=norms is not None)
        else:
            try:
                x = _apply(layer, x, given)
            except RuntimeError:  # torch's word for sizes that do not fit
                return None
    weight, bias = given.linear
    flat = x.flatten(1) if x[0].numel() == weight.shape[1] else x.mean(dim=(2, 3))
    return (
        RunOutput(F.linear(flat, weight, bias).numpy(), means) if flat.shape[1] == weight.shape[1] else None
    )


def _next(left: list[NormTensors], width: int) -> NormTensors | None:
    first = next((norm for norm in left if norm.width == width), None)
    if first is not None:
        left.remove(first)
    return first


def _normalised(x: Tensor, norm: NormTensors | None, eps: float, *, running: bool) -> Tensor:
    if norm is None:
        return F.batch_norm(x, None, None, training=True, eps=eps)
    has_statistics = running and norm.mean is not None and norm.var is not None
    if not has_statistics and x.numel() == x.shape[1]:
        return x
    return F.batch_norm(
        x,
        norm.mean if has_statistics else None,
        norm.var if has_statistics else None,
        norm.gamma,
        norm.beta,
        training=not has_statistics,
        eps=eps,
    )


def _apply(layer: LayerSpec, x: Tensor, given: ConvNetTensors) -> Tensor:
    if layer.kind == "relu":
        return F.leaky_relu(x, layer.slope) if layer.slope else x.relu()
    if layer.kind == "conv":
        weight, bias = given.convs[layer.number]
        if layer.padded_with != "zeros":
            x, padding = F.pad(x, (layer.padding,) * 4, mode=layer.padded_with), 0
        else:
            padding = layer.padding
        return F.conv2d(x, weight, bias, stride=layer.stride, padding=padding)
    if layer.taken == "maximum":
        return torch.max_pool2d(x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
    return F.avg_pool2d(x, layer.kernel, layer.stride, layer.padding, layer.ceil, layer.taken == "mean")


def match_norms(given: ConvNetTensors, means: Mapping[int, Tensor]) -> dict[int, NormTensors]:
    """Pair every convolution with the batch norm whose running mean is like its output's mean."""
    left, matched = list(given.norms), {}
    for number, mean in means.items():
        fitting = [norm for norm in left if norm.width == len(mean)]
        if fitting:
            matched[number] = max(fitting, key=partial(_likeness, mean))
            left.remove(matched[number])
    return matched


def _likeness(mean: Tensor, norm: NormTensors) -> float:
    return 0.0 if norm.mean is None else float(F.cosine_similarity(norm.mean, mean, dim=0))
