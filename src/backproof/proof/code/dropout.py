"""Dropout, and PyTorch's functions for its formula."""

import numpy as np

from backproof.numpy_nn.dropout import Dropout
from backproof.proof.equations.dropout import FRACTION, kept, x, y
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Tensors, Torch

_TIMES = 100
"""So often that any number of x is kept in one of them and dropped in another."""


def _pass(name: str) -> Code:
    """Run a pass of all numbers many times; of each, take one that is kept or dropped as in the sample."""

    def code(v: Sample) -> Array:
        layer = Dropout(float(v[FRACTION]), seed=0)
        ones = np.ones((_TIMES, *v[x].shape)).reshape(-1, v[x].shape[1])
        is_kept = layer.forward(ones).reshape(_TIMES, *v[x].shape) > 0
        array = np.tile(v[x] if name == "forward" else v[grad(y)], (_TIMES, 1))
        value = getattr(layer, name)(array).reshape(_TIMES, *v[x].shape)
        time = (is_kept == (v[kept] > 0)).argmax(axis=0)
        chosen: Array = np.take_along_axis(value, time[None], axis=0)[0]
        return chosen

    return code


CODE: dict[str, Code] = {"dropout.y": _pass("forward"), "dropout.dx": _pass("backward")}


def _torch(v: Tensors) -> Tensors:
    return {y: (v[x] * v[kept]).div(1 - v[FRACTION])}


TORCH: dict[str, Torch] = {"dropout": _torch}
