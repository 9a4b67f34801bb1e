"""Every equation of the derivations, by its label: those of each file beside this one."""

from importlib import import_module
from pkgutil import iter_modules

from backproof.proof.formula.equation import Equation

_ALL: list[Equation] = [
    equation
    for file in iter_modules(__path__)
    for equation in import_module(f"{__name__}.{file.name}").EQUATIONS
]
EQUATIONS = {equation.label: equation for equation in _ALL}
if len(EQUATIONS) < len(_ALL):
    raise ValueError("two equations have the same label")
