"""The mistakes that are made in question 2's MLP, and the output that they give."""

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.diagnosis import Known, Mistake
from backproof.checker.questions.numpy_mlp.formulas import softmax
from backproof.checker.questions.numpy_mlp.layer_mistakes import SLOPE_ON_WRONG_SIDE
from backproof.checker.questions.torch_mlp import numpy_model
from backproof.checker.questions.torch_mlp.network import SLOPE, TorchNetwork


def output_mistakes(net: TorchNetwork, x: Array) -> Known:
    """Yield what wrong activations and endings give."""
    slope, leaky = net.slope, numpy_model.leaky

    def sigmoid(z: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-z)))

    side = Mistake(SLOPE_ON_WRONG_SIDE, "multiplies positive numbers by the slope")
    activations = (
        (side, leaky(1, slope or SLOPE)),
        (side, leaky(slope, slope)),
        (_value("does not use the slope: the activation is ReLU"), leaky(0)),
        (_value("does not use the slope given, but LeakyReLU's default 0.01"), leaky(0.01)),
        (_value("does not use the slope given, but 0.02"), leaky(0.02)),
        (_value("has no activation between the layers"), leaky(1)),
        (_value("has the slope's sign the wrong way round"), leaky(-slope)),
        (_value("has tanh for an activation"), np.tanh),
        (_value("has the sigmoid for an activation"), sigmoid),
    )
    for mistake, activation in activations:
        for end in numpy_model.ENDINGS:
            yield mistake, end(numpy_model.scores(net.state, net.layers, x, activation))
    last = "has an activation after the last layer as well"
    for end in numpy_model.ENDINGS:
        for activation in (leaky(slope), leaky(0)):
            activated = numpy_model.scores(net.state, net.layers, x, leaky(slope), last=activation)
            yield _value(last, "Look at what comes after the last layer."), end(activated)
    z = net.output(x)
    along = _value("has a softmax along the batch, not along the classes", "Sum each row of the output.")
    yield along, softmax(z.T).T
    yield along, numpy_model.log_softmax(z.T).T
    twice = _value("has gone through softmax twice", "Count the softmaxes from input to loss.")
    yield twice, softmax(softmax(z))


def _value(what: str, hint: str = "Follow one sample through the layers by hand.") -> Mistake:
    return Mistake(causes.WRONG_FORWARD_VALUE, what, hint)
