"""Question 3: batch norm by autograd, as a function with a backward pass of its own, and as its module."""

from backproof.checker.outcome import Check
from backproof.checker.questions.batchnorm import function, modules, no_loop
from backproof.checker.questions.batchnorm.call_styles import AUTOGRAD, FUNCTION, MODULE

_START = "γ and β are registered, first 1 and 0"
_LARGE = "output for a large ε"
_OWN = "each batch is normalised by its own statistics"
_SHAPE = "input of another shape is refused"
_NEEDED = "gradients where some inputs need none"
_STATE = "gradients with another call in between"

# fmt: off
BATCHNORM = [
    Check("3.1/autograd.parameters", 2, f"{AUTOGRAD}: {_START}", modules.parameters(AUTOGRAD)),
    Check("3.1/autograd.y", 2, f"{AUTOGRAD}: output", modules.y_far_from_zero(AUTOGRAD)),
    Check("3.1/autograd.epsilon", 1, f"{AUTOGRAD}: {_LARGE}", modules.make_y_check(AUTOGRAD, large_eps=True)),
    Check("3.1/autograd.statistics", 1.75, f"{AUTOGRAD}: {_OWN}", modules.make_statistics_check(AUTOGRAD)),
    Check("3.1/autograd.shape", 1, f"{AUTOGRAD}: {_SHAPE}", modules.refuses_shapes(AUTOGRAD)),
    Check("3.1/autograd.gradients", 2, f"{AUTOGRAD}: ∂L/∂x, ∂L/∂γ and ∂L/∂β", modules.gradients(AUTOGRAD)),
    Check("3.1/autograd.cost", 0.25, f"{AUTOGRAD}: no loop over samples", no_loop.check_module),
    Check("3.2b/function.check_y", 0.625, f"{FUNCTION}: output", function.check_y),
    Check("3.2b/function.dx", 1, f"{FUNCTION}: ∂L/∂x", function.gradient("x")),
    Check("3.2b/function.dgamma", 0.5, f"{FUNCTION}: ∂L/∂γ", function.gradient("gamma")),
    Check("3.2b/function.dbeta", 0.5, f"{FUNCTION}: ∂L/∂β", function.gradient("beta")),
    Check("3.2b/function.check_only_needed", 0.125, f"{FUNCTION}: {_NEEDED}", function.check_only_needed),
    Check("3.2b/function.state", 0.125, f"{FUNCTION}: {_STATE}", function.state),
    Check("3.2b/function.cost", 0.125, f"{FUNCTION}: no loop over samples", no_loop.check_function),
    Check("3.2c/module.parameters", 0.25, f"{MODULE}: {_START}", modules.parameters(MODULE)),
    Check("3.2c/module.y", 0.125, f"{MODULE}: output", modules.make_y_check(MODULE, large_eps=False)),
    Check("3.2c/module.epsilon", 0.125, f"{MODULE}: {_LARGE}", modules.make_y_check(MODULE, large_eps=True)),
    Check("3.2c/module.statistics", 0.125, f"{MODULE}: {_OWN}", modules.make_statistics_check(MODULE)),
    Check("3.2c/module.shape", 0.125, f"{MODULE}: {_SHAPE}", modules.refuses_shapes(MODULE)),
    Check("3.2c/module.gradients", 0.25, f"{MODULE}: gradients through it", modules.gradients(MODULE)),
]
# fmt: on
