"""What the layers' code computes under each label, and PyTorch's own function: files as in equations/.

Each declares ``CODE``, by label, and ``TORCH``, by the name of the graph that an equation is about.
"""

from importlib import import_module
from pkgutil import iter_modules

from backproof.proof.signatures import Code, Torch

_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
CODE: dict[str, Code] = {label: code for file in _FILES for label, code in file.CODE.items()}
TORCH: dict[str, Torch] = {graph: torch for file in _FILES for graph, torch in file.TORCH.items()}
if len(CODE) < sum(len(file.CODE) for file in _FILES):
    raise ValueError("two files have code for the same label")
if len(TORCH) < sum(len(file.TORCH) for file in _FILES):
    raise ValueError("two files have PyTorch's function for the same graph")
