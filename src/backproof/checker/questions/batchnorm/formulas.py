"""Batch norm (B, C) and its gradients in float64, right and with the mistakes that people make."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from backproof.checker.calls import Array
from backproof.checker.diagnosis import Known, Mistake


class Gradients(NamedTuple):
    """∂L/∂x (B, C), ∂L/∂γ and ∂L/∂β (C,)."""

    dx: Array
    dgamma: Array
    dbeta: Array


@dataclass(frozen=True)
class BatchNormCase:
    """One call: what goes in. Everything is float64."""

    x: Array
    gamma: Array
    beta: Array
    eps: float
    dy: Array

    def normalised(self, *, ddof: int = 0, outside: bool = False) -> tuple[Array, Array]:
        """Return x̂ and the divisor (C,)."""
        var = self.x.var(axis=0, ddof=ddof)
        divisor = np.sqrt(var) + self.eps if outside else np.sqrt(var + self.eps)
        return (self.x - self.x.mean(axis=0)) / divisor, divisor

    def y(self, *, ddof: int = 0, outside: bool = False) -> Array:
        """Return γ x̂ + β."""
        return self.gamma * self.normalised(ddof=ddof, outside=outside)[0] + self.beta

    def gradients(self, *, ddof: int = 0, outside: bool = False, exact: bool = True) -> Gradients:
        """Return the exact gradients of ``y``; else the usual formula for dx, whatever x̂ and divisor are."""
        xhat, divisor = self.normalised(ddof=ddof, outside=outside)
        dgamma, dbeta = (self.dy * xhat).sum(axis=0), self.dy.sum(axis=0)
        n = len(self.x)
        # ∂divisor/∂x = share · x̂: (x − μ) / ((n − ddof) · root), where the root is what σ² stands under.
        root = np.sqrt(self.x.var(axis=0, ddof=ddof)) if outside else divisor
        share = divisor / ((n - ddof) * root) if exact else np.full_like(divisor, 1 / n)
        dx = self.gamma / divisor * (self.dy - self.dy.mean(axis=0) - xhat * share * dgamma)
        return Gradients(dx, dgamma, dbeta)

    @property
    def inputs(self) -> dict[str, Array]:
        """All that goes in, by name."""
        return {
            "x": self.x, "gamma": self.gamma, "beta": self.beta, "eps": np.array(self.eps), "dy": self.dy
        }  # fmt: skip


BIASED = Mistake("biased and unbiased variance swapped", "has a variance divided by B − 1 where B is due")
EPSILON = Mistake("ε outside the root", "has ε beside the standard deviation; √(σ² + ε) is due")
RUNNING = Mistake("running statistics used", "comes of statistics kept from earlier batches")
_IGNORED = Mistake("upstream gradient ignored", "fits an upstream gradient of ones, whatever it is")
_DERIVE = "Derive it once more by the chain rule, and compare term by term."
_NO_EPSILON = Mistake(
    "wrong forward value",
    "does not depend on ε, or has not the ε that was given",
    "Try two very different values of eps and compare the outputs.",
)
_NO_ROOT = Mistake(
    "wrong forward value",
    "is divided by σ² + ε; the root is missing",
    "Check the variance of the output for γ = 1: it should be close to 1.",
)
_NO_SCALE = Mistake(
    "wrong forward value",
    "is x̂ itself, or only one of γ and β takes part",
    "Set γ and β to other values than 1 and 0, and look at the output's mean and variance.",
)
_AXIS = Mistake(
    "wrong forward value",
    "has mean and variance along the wrong axis or over all numbers; they are each neuron's",
    "Print the shapes of the mean and the variance.",
)


def _gradient(what: str, hint: str = _DERIVE) -> Mistake:
    return Mistake("wrong gradient", what, hint)


_SWAPPED = _gradient("is that of the other: γ's and β's are swapped", "In which order does backward return?")
_SIGN = _gradient("has the wrong sign in one of its terms", "Check the signs of the derivation.")


def forward_mistakes(bn: BatchNormCase) -> Known:
    """Yield what wrong forward passes give."""
    centred, (xhat, _) = bn.x - bn.x.mean(axis=0), bn.normalised()
    yield BIASED, bn.y(ddof=1)
    yield EPSILON, bn.y(outside=True)
    for eps in (1e-5, 1e-2, 1e-3, 1e-4, 1e-8):
        yield _NO_EPSILON, replace(bn, eps=eps).y()
    yield _NO_EPSILON, bn.gamma * centred / bn.x.std(axis=0) + bn.beta
    yield _NO_ROOT, bn.gamma * centred / (bn.x.var(axis=0) + bn.eps) + bn.beta
    yield _NO_SCALE, xhat
    yield _NO_SCALE, bn.gamma * xhat
    yield _NO_SCALE, xhat + bn.beta
    yield _AXIS, bn.gamma * (bn.x - bn.x.mean()) / np.sqrt(bn.x.var() + bn.eps) + bn.beta
    mean, var = bn.x.mean(axis=1, keepdims=True), bn.x.var(axis=1, keepdims=True)
    yield _AXIS, bn.gamma * (bn.x - mean) / np.sqrt(var + bn.eps) + bn.beta
    yield RUNNING, bn.gamma * bn.x / np.sqrt(1 + bn.eps) + bn.beta
    own_mean, own_var = bn.x.mean(axis=0), bn.x.var(axis=0)
    # Averages after one batch, by torch's momentum and by the other usual ones.
    for momentum in (0.1, 0.9, 0.01, 0.99):
        kept_mean = momentum * own_mean
        for ddof in (0, 1):
            kept_var = (1 - momentum) + momentum * bn.x.var(axis=0, ddof=ddof)
            for m, v in ((kept_mean, kept_var), (kept_mean, own_var), (own_mean, kept_var)):
                yield RUNNING, bn.gamma * (bn.x - m) / np.sqrt(v + bn.eps) + bn.beta
    yield RUNNING, bn.gamma * bn.x / np.sqrt(own_var + bn.eps) + bn.beta


def dx_mistakes(bn: BatchNormCase) -> Known:
    """Yield what wrong formulas for ∂L/∂x give."""
    xhat, divisor = bn.normalised()
    n, dy, scale = len(bn.x), bn.dy, bn.gamma / divisor
    mean, variance = dy.mean(axis=0), xhat * (dy * xhat).mean(axis=0)
    right = bn.gradients().dx
    ones = replace(bn, dy=np.ones_like(dy)).gradients().dx
    sums = Mistake("missing 1/B", "has a sum over the batch where 1/B of it is due")
    no_mean = "lacks the term of Σ ∂L/∂y over the batch: the mean depends on x too"
    no_variance = "lacks the term x̂ Σ ∂L/∂y x̂ over the batch: the variance depends on x too"
    yield Mistake("mean term of batch norm's dx dropped", no_mean), scale * (dy - variance)
    yield Mistake("variance term of batch norm's dx dropped", no_variance), scale * (dy - mean)
    yield _gradient("lacks both the mean's and the variance's terms"), scale * dy
    for a, b in ((n, n), (n, 1), (1, n)):
        yield sums, scale * (dy - a * mean - b * variance)
    yield sums, n * right
    for ignored in (ones, scale * np.ones_like(dy), scale * (1 - xhat)):
        yield _IGNORED, ignored
    yield BIASED, bn.gradients(ddof=1).dx
    yield BIASED, bn.gradients(ddof=1, exact=False).dx
    yield BIASED, scale * (dy - mean - variance * n / (n - 1))
    yield EPSILON, bn.gradients(outside=True).dx
    yield EPSILON, bn.gradients(outside=True, exact=False).dx
    yield _gradient("lacks the factor γ"), right / bn.gamma
    yield _gradient("is not divided by √(σ² + ε), or not by it alone"), right * divisor
    yield _gradient("is not divided by √(σ² + ε), or not by it alone"), right / divisor
    for a, b, c in ((1, 1, -1), (1, -1, 1), (1, 1, 1)):
        yield _SIGN, scale * (a * dy + b * mean + c * variance)
    for power in (1, 2, -1, -2):
        centred = _gradient("has x − μ where x̂ is due, or the other way round")
        yield centred, scale * (dy - mean - variance * divisor**power)


def dgamma_mistakes(bn: BatchNormCase) -> Known:
    """Yield what wrong formulas for ∂L/∂γ give."""
    xhat, _ = bn.normalised()
    right = (bn.dy * xhat).sum(axis=0)
    x_for_xhat = _gradient("takes x, or x − μ, where x̂ is due")
    yield BIASED, bn.gradients(ddof=1).dgamma
    yield EPSILON, bn.gradients(outside=True).dgamma
    yield _IGNORED, xhat.sum(axis=0)
    yield x_for_xhat, (bn.dy * bn.x).sum(axis=0)
    yield x_for_xhat, (bn.dy * (bn.x - bn.x.mean(axis=0))).sum(axis=0)
    yield _SWAPPED, bn.dy.sum(axis=0)
    yield _gradient("is multiplied by γ"), right * bn.gamma


def dbeta_mistakes(bn: BatchNormCase) -> Known:
    """Yield what wrong formulas for ∂L/∂β give."""
    right = bn.dy.sum(axis=0)
    yield _IGNORED, np.full_like(right, len(bn.dy))
    yield _IGNORED, np.ones_like(right)
    yield _SWAPPED, bn.gradients().dgamma
    yield _gradient("is multiplied by γ"), right * bn.gamma


MISTAKES = {"x": dx_mistakes, "gamma": dgamma_mistakes, "beta": dbeta_mistakes}
"""By what the gradient is of."""
