"""MaxPool2d and AvgPool2d, and PyTorch's."""

from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from backproof.numpy_nn.pooling import AvgPool2d, MaxPool2d
from backproof.proof.code.convolution import in_each_layout, kernel_of
from backproof.proof.equations.pooling import x, y
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import KH, KV, PADDING, STRIDE
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Tensors, Torch

_APART = 100
"""Rows from one to the next: the pixels of such windows are not counted in a byte."""


def _pool(v: Sample, pool: type[MaxPool2d] | type[AvgPool2d]) -> MaxPool2d | AvgPool2d:
    return pool(kernel_of(v), stride=v.sizes[STRIDE], padding=v.sizes[PADDING])


def _forward(pool: type[MaxPool2d] | type[AvgPool2d]) -> Code:
    def code(v: Sample) -> Iterator[Array]:
        for images in in_each_layout(v[x]):
            yield _pool(v, pool).forward(images)

    return code


def _max_pool_dx(v: Sample) -> Iterator[Array]:
    """Go backward; and where smallest numbers between rows make windows of many pixels."""
    yield from _backward(MaxPool2d)(v)
    kernel, stride, padding = kernel_of(v), v.sizes[STRIDE], v.sizes[PADDING]
    layer = MaxPool2d(
        (kernel[0] * _APART, kernel[1]), stride=(stride * _APART, stride), padding=(padding * _APART, padding)
    )
    n, c, rows, columns = v[x].shape
    apart = np.full((n, c, rows * _APART, columns), v[x].min() - 1)
    apart[:, :, ::_APART] = v[x]
    layer.forward(apart)
    yield layer.backward(v[grad(y)])[:, :, ::_APART]


def _backward(pool: type[MaxPool2d] | type[AvgPool2d]) -> Code:
    def code(v: Sample) -> Iterator[Array]:
        for images in in_each_layout(v[x]):
            for dout in in_each_layout(v[grad(y)]):
                layer = _pool(v, pool)
                layer.forward(images)
                yield layer.backward(dout)

    return code


CODE: dict[str, Code] = {
    "max_pool.y": _forward(MaxPool2d),
    "max_pool.dx": _max_pool_dx,
    "avg_pool.y": _forward(AvgPool2d),
    "avg_pool.dx": _backward(AvgPool2d),
}


def _torch(pool: Callable[..., Tensor]) -> Torch:
    def compute(v: Tensors) -> Tensors:
        kernel, stride, padding = (int(v[KH]), int(v[KV])), int(v[STRIDE]), int(v[PADDING])
        return {y: pool(v[x], kernel, stride, padding)}

    return compute


TORCH: dict[str, Torch] = {"max_pool": _torch(F.max_pool2d), "avg_pool": _torch(F.avg_pool2d)}
