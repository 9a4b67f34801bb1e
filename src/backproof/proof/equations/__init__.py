"""Every equation of the derivations, by its label: those of each file beside this one.

Each file declares ``EQUATIONS``, and ``ORDER``, its place among the files.
"""

from importlib import import_module
from pkgutil import iter_modules

from backproof.proof.formula.equation import Equation

_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
_ALL: list[Equation] = [
    equation for file in sorted(_FILES, key=lambda file: file.ORDER) for equation in file.EQUATIONS
]
EQUATIONS = {equation.label: equation for equation in _ALL}
if len(EQUATIONS) < len(_ALL):
    raise ValueError("two equations have the same label")
