"""Every equation of the derivations, by its label."""

from backproof.proof.equations import (
    activations,
    batchnorm,
    batchnorm_images,
    batchnorm_statistics,
    linear,
    losses,
    modules,
    update,
)
from backproof.proof.formula.equation import Equation

ALL: tuple[Equation, ...] = (
    *modules.EQUATIONS,
    *linear.EQUATIONS,
    *activations.EQUATIONS,
    *losses.EQUATIONS,
    *update.EQUATIONS,
    *batchnorm.EQUATIONS,
    *batchnorm_images.EQUATIONS,
    *batchnorm_statistics.EQUATIONS,
)
EQUATIONS = {equation.label: equation for equation in ALL}
if len(EQUATIONS) < len(ALL):
    raise ValueError("two equations have the same label")
