"""The mistakes that are made in question 1.2's MLP, and what its passes then give."""

from collections.abc import Sequence

import numpy as np

from backproof.arrays import Array
from backproof.checker.diagnosis import Known
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.numpy_mlp.layer_mistakes import (
    IGNORED,
    divided_by_batch,
    outer_product_missing,
    wrong_gradient,
    wrong_slope,
    wrong_value,
)
from backproof.checker.questions.numpy_mlp.network import (
    RIGHT_WAY,
    NumpyNetwork,
    Variant,
    exact_backward,
    exact_forward,
)


def forward_mistakes(network: NumpyNetwork, x: Array) -> Known:
    """Yield the probabilities that wrong forward passes give."""

    def scores(variant: Variant) -> Array:
        return exact_forward(network, x, variant)[2]

    right, a = scores(RIGHT_WAY), network.slope
    yield wrong_value("holds scores: softmax is missing"), right
    yield wrong_value("has gone through softmax twice"), softmax(softmax(right))
    yield wrong_value("lacks the activations of the hidden layers"), softmax(scores(Variant(down=1.0)))
    activated = softmax(scores(Variant(last_activated=True)))
    yield wrong_value("has an activation before softmax, too"), activated
    yield wrong_value("leaves the biases out"), softmax(scores(Variant(bias=False)))
    yield wrong_value("sums up to 1 over the samples, not over the classes"), softmax(right.T).T
    for other in (0.0, 0.02):
        yield wrong_value("does not use the slope that it is given"), softmax(scores(Variant(down=other)))
    swapped = softmax(scores(Variant(up=a, down=1.0)))
    yield wrong_slope("applies the slope where the input is positive"), swapped


def flat(pairs: Sequence[tuple[Array, Array]]) -> Array:
    """Return the gradients of all weights and biases in one axis."""
    return np.concatenate([np.ravel(gradient) for pair in pairs for gradient in pair])


def backward_mistakes(network: NumpyNetwork, x: Array, dout: Array) -> Known:
    """Yield the gradients, ``flat``, that wrong backward passes give."""

    def given(variant: Variant) -> Array:
        return flat(exact_backward(network, x, dout, variant))

    swapped = given(Variant(back_up=network.slope, back_down=1.0))
    both = given(Variant(weights_mean=True, bias_mean=True))
    diagonal = "goes back through the diagonal of softmax's Jacobian alone"
    yield wrong_gradient("does not go back through softmax"), given(Variant(softmax="skipped"))
    yield outer_product_missing(diagonal), given(Variant(softmax="diagonal"))
    yield (
        outer_product_missing("goes back through the probabilities alone"),
        given(Variant(softmax="product")),
    )
    yield wrong_slope("goes back through activations without their slope"), given(Variant(back_down=0.0))
    yield wrong_slope("goes back through the slope on the wrong side"), swapped
    yield wrong_slope("goes back through the slope squared"), given(Variant(back_down=network.slope**2))
    yield wrong_gradient("does not go back through the activations"), given(Variant(back_down=1.0))
    yield IGNORED, given(Variant(upstream="ignored"))
    yield divided_by_batch("holds means over the samples, not sums"), given(Variant(bias_mean=True))
    yield divided_by_batch("is divided by the batch size once too often"), given(Variant(weights_mean=True))
    yield divided_by_batch("is divided by the batch size, which the loss has done already"), both
