"""The mistakes that are made in question 1.2's layers, by the value that they change, and what it then is.

Letters are those of the equations: x, W (out, in), b, dout; a, the slope; for the loss x, probabilities,
and y, one-hot targets.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.causes import Cause
from backproof.checker.diagnosis import Known, Mistake
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.gradcheck import CauseName

OUTER_PRODUCT_MISSING = Cause(
    CauseName.OUTER_PRODUCT_MISSING.value,
    "softmax's Jacobian has its diagonal alone",
    "Each output of softmax depends on every input: what is its Jacobian?",
)
WEIGHT_TRANSPOSED = Cause(
    CauseName.WEIGHT_TRANSPOSED.value,
    "a product takes the weights, or the gradient of them, the other way round",
    "Write down the shapes of every product, with sizes that differ.",
)
BIAS_OVER_WRONG_AXIS = Cause(
    CauseName.BIAS_OVER_WRONG_AXIS.value,
    "the bias's gradient is not the sum over the samples",
    "A bias is added to each sample: which axis does its gradient gather?",
)
SLOPE_ON_WRONG_SIDE = Cause(
    "slope applied on the wrong side",
    "LeakyReLU's slope stands where the input is positive, or in one direction only",
    "For which inputs does the slope count, forward and backward? Try the activation on −1 and 1.",
)
UNSTABLE_EXPONENT = Cause(
    "unstable exponent",
    "large scores overflow: the maximum is not subtracted first",
    "exp overflows beyond 709: what may be subtracted from a sample's scores?",
)

Values = Mapping[str, Array]
"""What goes into a value, by its letter."""
KnownMistakes = Callable[[Values], Known]
IGNORED = Mistake(causes.UPSTREAM_IGNORED, "does not use the gradient given to backward")

# Makers of mistakes by their cause; each takes what is wrong.
wrong_value = partial(Mistake, causes.WRONG_FORWARD_VALUE)
wrong_gradient = partial(Mistake, causes.WRONG_GRADIENT)
wrong_slope = partial(Mistake, SLOPE_ON_WRONG_SIDE)
outer_product_missing = partial(Mistake, OUTER_PRODUCT_MISSING)
divided_by_batch = partial(Mistake, causes.EXTRA_BATCH_MEAN)
_weight_transposed = partial(Mistake, WEIGHT_TRANSPOSED)
_wrong_axis = partial(Mistake, BIAS_OVER_WRONG_AXIS)
_not_averaged = partial(Mistake, causes.MISSING_BATCH_MEAN)


def linear_y_mistakes(c: Values) -> Known:
    """Yield what a wrong forward pass of LinearModule gives."""
    x, w, b = c["x"], c["W"], c["b"]
    yield wrong_value("leaves out the bias"), x @ w.T
    yield wrong_value("subtracts the bias"), x @ w.T - b
    yield _weight_transposed("is transposed"), (x @ w.T + b).T
    if w.shape[0] == w.shape[1]:
        yield _weight_transposed("multiplies by the weights the other way round"), x @ w + b
    else:
        bent = x @ w.reshape(w.T.shape) + b
        yield _weight_transposed("reshapes the weights where it should transpose them"), bent


def linear_dx_mistakes(c: Values) -> Known:
    """Yield what a wrong ∂L/∂x of LinearModule is."""
    w, dout = c["W"], c["dout"]
    yield IGNORED, np.ones_like(dout) @ w
    yield _weight_transposed("is transposed"), (dout @ w).T
    if w.shape[0] == w.shape[1]:
        yield _weight_transposed("multiplies by the weights the other way round"), dout @ w.T


def linear_dw_mistakes(c: Values) -> Known:
    """Yield what a wrong ∂L/∂W of LinearModule is."""
    x, dout = c["x"], c["dout"]
    right, ones = dout.T @ x, np.ones_like(dout)
    yield _weight_transposed("is transposed"), right.T
    yield _weight_transposed("is transposed, and reshaped to look right"), right.T.reshape(right.shape)
    yield IGNORED, ones.T @ x
    yield IGNORED, x.T @ ones
    yield wrong_gradient("is not summed over the samples"), dout[:, :, None] * x[:, None, :]


def linear_db_mistakes(c: Values) -> Known:
    """Yield what a wrong ∂L/∂b of LinearModule is."""
    dout = c["dout"]
    n_out = dout.shape[1]

    features, both = _wrong_axis("is the sum over the features, not over the samples"), dout.sum()
    yield features, dout.sum(axis=1)
    yield features, dout.sum(axis=1, keepdims=True)
    yield features, np.resize(dout.sum(axis=1), n_out)
    yield _wrong_axis("is not summed over the samples"), dout
    yield _wrong_axis("is one sum over samples and features"), np.asarray(both)
    yield _wrong_axis("is one sum over samples and features"), np.full(n_out, both)
    yield _wrong_axis("is one mean over samples of sums over the features"), np.full(n_out, both / len(dout))
    yield _wrong_axis("is the gradient of the last sample alone"), dout[-1]
    yield _wrong_axis("is the gradient of the first sample alone"), dout[0]
    yield divided_by_batch("is the mean over the samples, not the sum"), dout.mean(axis=0)
    yield divided_by_batch("is the mean over the samples, not the sum"), dout.mean(axis=0)[None]
    yield Mistake(causes.WRONG_SHAPE, "keeps an axis that the bias does not have"), dout.sum(axis=0)[None]
    for constant in (len(dout), 1):
        yield IGNORED, np.full(n_out, float(constant))


def leaky_relu_y_mistakes(c: Values) -> Known:
    """Yield what a wrong forward pass of LeakyReLUModule gives."""
    x, a = c["x"], c["a"]
    up, down = np.maximum(x, 0), np.minimum(x, 0)
    yield wrong_slope("applies the slope where the input is positive"), a * up + down
    yield wrong_slope("lets negative inputs pass and cuts off positive ones"), down
    yield wrong_slope("applies the slope where the input is positive, and cuts off the rest"), a * up
    yield wrong_slope("applies the slope on both sides"), a * x
    yield wrong_value("leaves the slope out"), up
    yield wrong_value("has the slope's sign the wrong way round"), up - a * down
    yield wrong_value("puts the slope itself where slope times input should be"), np.where(x > 0, x, a)
    yield wrong_value("lets everything pass unchanged"), x


def leaky_relu_dx_mistakes(c: Values) -> Known:
    """Yield what a wrong ∂L/∂x of LeakyReLUModule is."""
    x, a, dout = c["x"], c["a"], c["dout"]
    inside = np.where(x > 0, 1.0, a)
    yield wrong_slope("applies the slope where the input is positive"), dout * np.where(x > 0, a, 1.0)
    yield wrong_slope("leaves the slope out, which the forward pass has"), dout * (x > 0)
    yield wrong_slope("applies the slope twice"), dout * inside**2
    yield wrong_slope("applies the slope on both sides"), dout * a
    yield wrong_slope("is cut off where the input is positive"), dout * np.where(x > 0, 0.0, a)
    yield wrong_slope("is cut off where the input is positive"), dout * (x < 0)
    yield IGNORED, inside
    yield IGNORED, (x > 0).astype(float)
    by_dout = np.where(dout > 0, dout, a * dout)
    yield wrong_gradient("looks at the sign of the gradient, not of the input"), by_dout
    yield wrong_gradient("multiplies by the activation, not by its derivative"), dout * inside * x
    yield wrong_gradient("lets everything pass unchanged"), dout


def softmax_p_mistakes(c: Values) -> Known:
    """Yield what a wrong forward pass of SoftMaxModule gives."""
    x = c["x"]
    with np.errstate(over="ignore", invalid="ignore"):
        e, shifted = np.exp(x), np.exp(x - x.max(axis=1, keepdims=True))
        along, never = "sums up to 1 over the samples, not over the classes", "is never divided by its sum"
        one_alone = "subtracts the maximum in one of the two exponentials alone"
        yield wrong_value(along), softmax(x.T).T
        yield wrong_value(along), shifted / shifted.sum(axis=0)
        yield wrong_value("sums up to 1 over the whole batch"), e / e.sum()
        yield wrong_value(never), e
        yield wrong_value(never), shifted
        yield wrong_value(one_alone), shifted / e.sum(axis=1, keepdims=True)
        yield wrong_value("is the logarithm of the probabilities"), np.log(softmax(x))


def softmax_dx_mistakes(c: Values) -> Known:
    """Yield what a wrong ∂L/∂x of SoftMaxModule is."""
    dout, p = c["dout"], softmax(c["x"])
    inner = np.sum(dout * p, axis=1, keepdims=True)
    total = dout.sum(axis=1, keepdims=True)
    yield outer_product_missing("uses the diagonal of softmax's Jacobian alone"), dout * p * (1 - p)
    yield outer_product_missing("multiplies by the probabilities alone"), dout * p
    yield wrong_gradient("has the Jacobian's outer product alone, without its diagonal"), -p * inner
    yield wrong_gradient("adds the outer product where it should subtract it"), p * (dout + inner)
    yield wrong_gradient("sums over the samples, not over the classes"), p * (dout - np.sum(dout * p, axis=0))
    yield wrong_gradient("sums over the whole batch, not over the classes"), p * (dout - np.sum(dout * p))
    yield wrong_gradient("leaves the probabilities out of the sum over the classes"), p * (dout - total)
    yield wrong_gradient("leaves out the factor p before the bracket"), dout - inner
    yield IGNORED, p * (1 - p)
    yield IGNORED, np.zeros_like(p)
    yield wrong_gradient("lets everything pass unchanged"), dout


def cross_entropy_loss_mistakes(c: Values) -> Known:
    """Yield what a wrong loss of CrossEntropyModule is."""
    p, t = c["x"], c["y"]
    losses = -np.sum(t * np.log(p), axis=1)
    mean = np.asarray(losses.mean())
    yield _not_averaged("is the sum over the samples, not their mean"), mean * len(p)
    yield _not_averaged("is a loss for every sample, not their mean"), losses
    yield wrong_value("is a mean over samples and classes"), mean / p.shape[1]
    yield wrong_value("lacks the minus sign"), -mean
    yield wrong_value("has a logarithm to the base 2"), mean / np.log(2)
    yield wrong_value("has a logarithm to the base 10"), mean / np.log(10)
    yield wrong_value("sums over all classes, whatever the target"), np.asarray(-np.log(p).sum() / len(p))


def cross_entropy_dx_mistakes(c: Values) -> Known:
    """Yield what a wrong ∂L/∂x of CrossEntropyModule is."""
    p, t = c["x"], c["y"]
    batch = len(p)
    both = "is the gradient of softmax and cross entropy together: softmax has a backward of its own"
    yield _not_averaged("is that of the sum over the samples, not of their mean"), -t / p
    yield wrong_gradient("is that of a mean over samples and classes"), -t / p / p.size
    yield divided_by_batch("is divided by the batch size twice"), -t / p / batch**2
    yield wrong_gradient(both), (p - t) / batch
    yield wrong_gradient(both + ", and 1/B is missing"), p - t
    yield _not_averaged("has the wrong sign, and 1/B is missing"), t / p
    yield wrong_gradient("leaves the target out"), -1 / p / batch
    yield _not_averaged("leaves the target out, and 1/B"), -1 / p
    yield wrong_gradient("is not divided by the probabilities"), -t / batch
