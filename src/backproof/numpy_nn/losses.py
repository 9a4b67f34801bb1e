"""Losses: means over the batch.

Axes: s sample 1…B, i and j class 1…C.
"""

import numpy as np
import numpy.typing as npt

from backproof.numpy_nn.array_checks import Array, require_like, require_matrix, require_saved

__all__ = ["CrossEntropy", "SoftmaxCrossEntropy", "one_hot"]


def one_hot(labels: Array, n_classes: int, dtype: npt.DTypeLike = np.float64) -> Array:
    """Turn class numbers (B,) into targets (B, C) with a single one in each row."""
    require_labels("one_hot", labels, n_classes)
    targets = np.zeros((len(labels), n_classes), dtype)
    targets[np.arange(len(labels)), labels] = 1
    return targets


def require_labels(where: str, labels: Array, n_classes: int) -> None:
    """Refuse anything but whole class numbers (B,) in 0 … C − 1 (ValueError, TypeError for the dtype)."""
    if labels.ndim != 1:
        raise ValueError(f"{where}: labels have shape {labels.shape}, expected (B,)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"{where}: labels have dtype {labels.dtype}, expected whole numbers")
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(
            f"{where}: labels run from {labels.min()} to {labels.max()}, "
            f"but {n_classes} classes are numbered 0 to {n_classes - 1}"
        )


class CrossEntropy:
    """−Σ t log p of probabilities p against targets t, both (B, C): the assignment's own form.

    Where a probability has underflowed to zero (logits some 700 apart; float32: 90), the loss is that of the
    smallest normal number, and no gradient gets back through softmax. SoftmaxCrossEntropy, which training
    uses, stays exact there.
    """

    def __init__(self) -> None:
        self._p_and_t: tuple[Array, Array] | None = None

    def forward(self, p: Array, t: Array) -> np.inexact:
        """Return the loss, a scalar of p's dtype.

        cross_entropy.loss:  L = −(1/B) Σ_s Σ_i t_si log(p_si)
        """
        require_matrix("CrossEntropy.forward", "p", p)
        require_like("CrossEntropy.forward", "t", t, "p", p)
        # A probability that underflowed to zero counts as the smallest normal number: the loss stays finite.
        tiny = np.finfo(p.dtype).tiny
        p = np.where(p.real < tiny, tiny, p)
        self._p_and_t = p, t
        loss: np.inexact = -np.sum(t * np.log(p)) / p.dtype.type(len(p))
        return loss

    def backward(self) -> Array:
        """Return dp (B, C).

        cross_entropy.dp:  ∂L/∂p_si = −t_si/(B p_si)
        """
        p, t = require_saved("CrossEntropy", self._p_and_t)
        # Divided in this order, p = tiny with B = 1 stays within the finite numbers.
        dp: Array = -(t / len(p)) / p
        return dp


class SoftmaxCrossEntropy:
    """Softmax and cross entropy as one function of the logits: nothing overflows or underflows.

    ``smoothing`` is ε of label smoothing, as torch's cross_entropy does it: of each sample's target the right
    class keeps 1 − ε, and all classes share ε evenly. Outside [0, 1) it is a ValueError.

    Source of label smoothing: Szegedy et al., 2016.
    """

    def __init__(self, *, smoothing: float = 0.0) -> None:
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing has to be in [0, 1), but is {smoothing}")
        self._smoothing = float(smoothing)  # a NumPy scalar would promote float32
        self._log_p_and_labels: tuple[Array, Array] | None = None

    def forward(self, logits: Array, labels: Array) -> np.inexact:
        """Return the loss of logits x (B, C) against class numbers c (B,), a scalar of the logits' dtype.

        softmax_cross_entropy.loss:  L = (1/B) Σ_s (log(Σ_j exp(x_sj − max_k x_sk)) − (x_{s c_s} − max_k
                                     x_sk))

        With label smoothing, where p is what softmax gives:

        label_smoothing.loss:  L = −(1/B) Σ_s ((1 − ε) log(p_{s c_s}) + (ε/C) Σ_i log(p_si))
        """
        require_matrix("SoftmaxCrossEntropy.forward", "logits", logits)
        require_labels("SoftmaxCrossEntropy.forward", labels, logits.shape[1])
        if len(labels) != len(logits):
            raise ValueError(
                f"SoftmaxCrossEntropy.forward: labels have shape {labels.shape}, but logits {logits.shape}"
            )
        log_p = logits - logits.real.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        self._log_p_and_labels = log_p, labels
        loss: np.inexact = -log_p[np.arange(len(labels)), labels].mean()
        if self._smoothing:
            loss = (1 - self._smoothing) * loss - self._smoothing * log_p.mean()
        return loss

    def backward(self) -> Array:
        """Return dx (B, C).

        softmax_cross_entropy.dx:  ∂L/∂x_si = (p_si − δ_{i c_s})/B
        label_smoothing.dx:  ∂L/∂x_si = (p_si − ((1 − ε) δ_{i c_s} + ε/C))/B
        """
        log_p, labels = require_saved("SoftmaxCrossEntropy", self._log_p_and_labels)
        dx: Array = np.exp(log_p)
        dx -= self._smoothing / dx.shape[1]
        # Of the right class it is minus the sum of the others, which does not cancel where p is nearly 1.
        right = np.arange(len(labels)), labels
        dx[right] = 0
        dx[right] = -dx.sum(axis=1)
        dx /= len(labels)
        return dx
