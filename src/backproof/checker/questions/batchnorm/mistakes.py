"""The mistakes that are made in batch norm, by the value that they change, and what it then is."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from backproof.checker import causes
from backproof.checker.causes import Cause
from backproof.checker.diagnosis import Known, Mistake
from backproof.checker.questions.batchnorm.formulas import BatchNormCase

_PATHS = "List every path from x to y: x itself, the mean and the variance. One is missing in ∂L/∂x."
VARIANCE_SWAPPED = Cause(
    "biased and unbiased variance swapped",
    "the variance is divided by B − 1 where it should be B",
    "By what does the assignment's formula divide the variance, and what does torch.var do by default?",
)
MEAN_TERM_DROPPED = Cause(
    "mean term of batch norm's dx dropped",
    "the sum of the upstream gradient is missing in ∂L/∂x",
    _PATHS,
)
VARIANCE_TERM_DROPPED = Cause(
    "variance term of batch norm's dx dropped",
    "the sum of upstream gradient times x̂ is missing in ∂L/∂x",
    _PATHS,
)
EPSILON_OUTSIDE_ROOT = Cause(
    "ε outside the root",
    "ε is added to the standard deviation, not to the variance",
    "Compare where ε stands in the assignment's formula for x̂.",
)
RUNNING_STATISTICS_USED = Cause(
    "running statistics used",
    "the batch is normalised by statistics that are not its own",
    "Normalise two very different batches one after the other, and look at the mean of each output.",
)

BIASED = Mistake(VARIANCE_SWAPPED, "has a variance divided by B − 1 where B is due")
EPSILON = Mistake(EPSILON_OUTSIDE_ROOT, "has ε beside the standard deviation; √(σ² + ε) is due")
RUNNING = Mistake(RUNNING_STATISTICS_USED, "comes of statistics kept from earlier batches")
_IGNORED = Mistake(causes.UPSTREAM_IGNORED, "fits an upstream gradient of ones, whatever it is")
_DERIVE = "Derive it once more by the chain rule, and compare term by term."
_NO_EPSILON = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "does not depend on ε, or has not the ε that was given",
    "Try two very different values of eps and compare the outputs.",
)
_NO_ROOT = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "is divided by σ² + ε; the root is missing",
    "Check the variance of the output for γ = 1: it should be close to 1.",
)
_NO_SCALE = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "is x̂ itself, or only one of γ and β takes part",
    "Set γ and β to other values than 1 and 0, and look at the output's mean and variance.",
)
_AXIS = Mistake(
    causes.WRONG_FORWARD_VALUE,
    "has mean and variance along the wrong axis or over all numbers; they are each neuron's",
    "Print the shapes of the mean and the variance.",
)


def _gradient(what: str, hint: str = _DERIVE) -> Mistake:
    return Mistake(causes.WRONG_GRADIENT, what, hint)


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
    sums = Mistake(causes.MISSING_BATCH_MEAN, "has a sum over the batch where 1/B of it is due")
    no_mean = "lacks the term of Σ ∂L/∂y over the batch: the mean depends on x too"
    no_variance = "lacks the term x̂ Σ ∂L/∂y x̂ over the batch: the variance depends on x too"
    yield Mistake(MEAN_TERM_DROPPED, no_mean), scale * (dy - variance)
    yield Mistake(VARIANCE_TERM_DROPPED, no_variance), scale * (dy - mean)
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


GRADIENT_MISTAKES: Mapping[str, Callable[[BatchNormCase], Known]] = {
    "x": dx_mistakes,
    "gamma": dgamma_mistakes,
    "beta": dbeta_mistakes,
}
"""By what the gradient is of."""
