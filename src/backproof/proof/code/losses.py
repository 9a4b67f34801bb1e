"""CrossEntropy and SoftmaxCrossEntropy, and PyTorch's."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backproof.numpy_nn.losses import CrossEntropy, SoftmaxCrossEntropy
from backproof.proof.code.activations import beyond_exp
from backproof.proof.equations.losses import c, losses, p, t, x
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import EPSILON, LOSS
from backproof.proof.signatures import Code, Tensors, Torch


def _batch_loss(v: Sample) -> Any:
    """Give every sample the loss that it has in the batch: one class of two, with probability exp(−L_s)."""
    probability = np.exp(-np.abs(v[losses]))
    targets = np.stack([np.sign(v[losses]), np.zeros(len(probability))], axis=1)
    return CrossEntropy().forward(np.stack([probability, 1 - probability], axis=1), targets)


def _batch_share(v: Sample) -> Array:
    """Divide each sample's gradient in the batch by the one it has alone."""
    n = len(v[losses])
    probabilities, targets = np.full((n, 1), 0.5), np.ones((n, 1))
    alone, batch = CrossEntropy(), CrossEntropy()
    alone.forward(probabilities[:1], targets[:1])
    batch.forward(probabilities, targets)
    share: Array = batch.backward()[:, 0] / alone.backward()[0, 0]
    return share


def _cross_entropy_dp(v: Sample) -> Array:
    layer = CrossEntropy()
    layer.forward(v[p], v[t])
    return layer.backward()


def _fused_loss(v: Sample) -> Iterator[Any]:
    for scores in (v[x], *beyond_exp(v[x])):
        yield SoftmaxCrossEntropy().forward(scores, v[c])


def _fused_dx(v: Sample) -> Iterator[Array]:
    for scores in (v[x], *beyond_exp(v[x])):
        layer = SoftmaxCrossEntropy()
        layer.forward(scores, v[c])
        yield layer.backward()[:, : v[x].shape[1]]


def _smoothed_loss(v: Sample) -> Any:
    return SoftmaxCrossEntropy(smoothing=float(v[EPSILON])).forward(v[x], v[c])


def _smoothed_dx(v: Sample) -> Array:
    layer = SoftmaxCrossEntropy(smoothing=float(v[EPSILON]))
    layer.forward(v[x], v[c])
    return layer.backward()


CODE: dict[str, Code] = {
    "batch.loss": _batch_loss,
    "batch.share": _batch_share,
    "cross_entropy.loss": lambda v: CrossEntropy().forward(v[p], v[t]),
    "cross_entropy.dp": _cross_entropy_dp,
    "softmax_cross_entropy.loss": _fused_loss,
    "softmax_cross_entropy.dx": _fused_dx,
    "label_smoothing.loss": _smoothed_loss,
    "label_smoothing.dx": _smoothed_dx,
}


def cross_entropy(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return −Σ t log p, the mean over all samples, by PyTorch."""
    loss: Tensor = -torch.special.xlogy(targets, probabilities).sum(-1).mean()
    return loss


def _fused(v: Tensors) -> Tensors:
    """Take PyTorch's fused loss; where p is given, its loss of log p."""
    if p in v:
        return {LOSS: F.nll_loss(v[p].log(), v[c])}
    return {p: v[x].softmax(1), LOSS: F.cross_entropy(v[x], v[c])}


TORCH: dict[str, Torch] = {
    "batch": lambda v: {LOSS: v[losses].mean()},
    "cross_entropy": lambda v: {LOSS: cross_entropy(v[p], v[t])},
    "softmax_cross_entropy": _fused,
    "label_smoothing": lambda v: {LOSS: F.cross_entropy(v[x], v[c], label_smoothing=v[EPSILON].item())},
}
