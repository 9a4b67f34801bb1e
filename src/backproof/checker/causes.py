"""The causes that a check can name: what each means, and a hint for students.

Here are those that several questions share; one question's own stand beside its known mistakes. All of them
together are CAUSES, in backproof.checker.questions.
"""

from dataclasses import dataclass
from types import ModuleType

from backproof.gradcheck import CauseName


@dataclass(frozen=True)
class Cause:
    """What is wrong with a submission."""

    name: str
    """As reports and tables give it."""
    meaning: str
    """For teachers, in half a sentence."""
    hint: str
    """For students: where to look, without test data or solution."""


def collect_causes(*modules: ModuleType) -> dict[str, Cause]:
    """Return the causes that modules define, by name, in their order; ValueError where two share a name."""
    causes: dict[str, Cause] = {}
    for module in modules:
        for cause in vars(module).values():
            if isinstance(cause, Cause) and causes.setdefault(cause.name, cause) != cause:
                raise ValueError(f"two causes are called {cause.name!r}")
    return causes


WRONG_GRADIENT = Cause(
    CauseName.WRONG_GRADIENT.value,
    "the gradient differs from the derivative of the forward pass",
    "Derive the derivative on paper for one entry, and compare it with a numerical one.",
)
WRONG_FORWARD_VALUE = Cause(
    "wrong forward value",
    "the forward pass computes something else than the formula",
    "Compute the formula by hand for one small sample and compare.",
)
WRONG_SHAPE = Cause(
    CauseName.WRONG_SHAPE.value,
    "what is returned or kept has another shape than is due, or is no array of numbers",
    "Print the shapes, and compare them with those that the assignment asks for.",
)
SHAPE_NOT_CHECKED = Cause(
    "shape not checked",
    "input of a wrong shape is accepted",
    "Check that the input has two axes, and as many columns as there are neurons.",
)
WRONG_INITIALISATION = Cause(
    "wrong initialisation",
    "parameters, or gradients, do not start as the assignment asks for",
    "Look up how weights, biases and gradients start, and print those of a new layer.",
)
PARAMETERS_NOT_REGISTERED = Cause(
    "parameters not registered",
    "torch does not know a parameter: no optimizer would train it",
    "Print list(net.parameters()); look up nn.ModuleList, nn.Sequential and nn.Parameter.",
)
NO_GRADIENT_ARRIVES = Cause(
    "no gradient arrives",
    "torch's graph is cut on the way (detach, .data, numpy), or backward returns None",
    "Look for what takes tensors out of the graph, and at what backward returns for each input.",
)
NEEDLESS_GRADIENT = Cause(
    "needless gradient",
    "backward returns a gradient where None is due, as that input needs none",
    "Look up ctx.needs_input_grad: what does it say about each of the inputs?",
)
KINK = Cause(
    CauseName.KINK.value,
    "the input lies where the function has no derivative: nothing is wrong",
    "",
)
UNSUITABLE_STEP = Cause(
    CauseName.UNSUITABLE_STEP.value,
    "the step of a numerical derivative is too small or too large for the dtype",
    "",
)
NONDETERMINISM = Cause(
    CauseName.NONDETERMINISM.value,
    "the same call gives different results",
    "Call it twice on the same input: nothing random is asked for once the weights are there.",
)
INPUT_CHANGED_IN_PLACE = Cause(
    CauseName.INPUT_CHANGED_IN_PLACE.value,
    "a call writes to its argument, which the caller still needs",
    "Look for +=, *=, methods that end in an underscore, and writes to parts of an argument.",
)
STATE_LEAKS = Cause(
    CauseName.STATE_LEAKS.value,
    "a call's result depends on calls before it that it should not depend on",
    "Gradients belong to the last forward pass alone: replace them, never add to them, and keep nothing "
    "that layers share.",
)
DTYPE_PROMOTED = Cause(
    CauseName.DTYPE_PROMOTED.value,
    "float32 goes in and float64 comes out, or the other way round",
    "Print the dtypes of input, parameters and output, and look for conversions.",
)
LOOP_OVER_SAMPLES = Cause(
    "loop over samples",
    "the work grows with the batch as a loop's does, not as a matrix product's",
    "Replace the loop by a product of matrices or an operation on whole arrays.",
)
WRONG_WIDTH = Cause(
    "wrong width",
    "a layer has another number of channels or features than asked for",
    "Print the names and shapes of all parameters, for several sizes, and compare them with the task.",
)
MISSING_BATCH_MEAN = Cause(
    CauseName.MISSING_BATCH_MEAN.value,
    "the batch's gradient is a sum where it should be a mean",
    "The loss of a batch is a mean: where does the batch size appear in its gradient?",
)
EXTRA_BATCH_MEAN = Cause(
    CauseName.EXTRA_BATCH_MEAN.value,
    "a gradient is divided by the batch size, which the gradient of the loss has done already",
    "Where is the batch size divided by on the way from loss to weights? Once is enough.",
)
OPPOSITE_SIGN = Cause(
    CauseName.OPPOSITE_SIGN.value,
    "the gradient is right but for its sign",
    "Does forward add or subtract, and what does its derivative do?",
)
UPSTREAM_IGNORED = Cause(
    CauseName.UPSTREAM_IGNORED.value,
    "backward does not use what it is given",
    "The chain rule multiplies by the gradient that backward is given: twice that, and all must double.",
)
