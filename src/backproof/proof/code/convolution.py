"""Conv2d in NumPy, PyTorch's by products over the kernel's offsets, and PyTorch's own."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backproof.numpy_nn.channels import channels_first, channels_last
from backproof.numpy_nn.conv2d import Conv2d, col2im, im2col
from backproof.numpy_nn.windows import Windows, make_windows
from backproof.proof.equations.convolution import W, b, x, y, z
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import HY, KH, KV, PADDING, STRIDE, VY, H, V
from backproof.proof.formula.notation import Size, grad
from backproof.proof.signatures import Code, Tensors, Torch
from backproof.torch_nn import offset_products

_Pixels = int | tuple[int, int]


def in_each_layout(images: Array) -> tuple[Array, Array]:
    """Return images with channels first in memory, and last."""
    return images, channels_first(channels_last(images))


def kernel_of(v: Sample) -> tuple[int, int]:
    """Return a sample's window."""
    return v.sizes[KH], v.sizes[KV]


def _conv(weight: Array, bias: Array, stride: _Pixels, padding: _Pixels) -> Conv2d:
    n_out, n_in, *kernel = weight.shape
    layer = Conv2d(
        n_in, n_out, (kernel[0], kernel[1]), stride=stride, padding=padding, rng=np.random.default_rng(0)
    )
    layer.params["weight"][...], layer.params["bias"][...] = weight, bias
    return layer


def _conv_of(v: Sample) -> Conv2d:
    return _conv(v[W], v[b], v.sizes[STRIDE], v.sizes[PADDING])


def _windows(v: Sample) -> Windows:
    return make_windows("proof", kernel_of(v), v.sizes[STRIDE], v.sizes[PADDING])


def _y(v: Sample) -> Iterator[Array]:
    for images in in_each_layout(v[x]):
        yield _conv_of(v).forward(images)
    yield _ByOffsets(v).y()


def _dz(v: Sample) -> Array:
    """Lay the windows side by side, so that each pixel is in one of them: ∂L/∂z is then ∂L/∂x."""
    kernel, windows = kernel_of(v), v[z]
    n, rows, columns, *_, channels = windows.shape
    layer = _conv(v[W], v[b], kernel, 0)
    layer.forward(
        windows.transpose(0, 5, 1, 3, 2, 4).reshape(n, channels, rows * kernel[0], columns * kernel[1])
    )
    dx = layer.backward(v[grad(y)])
    return dx.reshape(n, channels, rows, kernel[0], columns, kernel[1]).transpose(0, 2, 4, 3, 5, 1)


def _dx(v: Sample) -> Iterator[Array]:
    yield channels_first(col2im(v[grad(z)], _windows(v), (v.sizes[H], v.sizes[V])))
    yield from _dx_backward(v)


def _dx_backward(v: Sample) -> Iterator[Array]:
    for images in in_each_layout(v[x]):
        for dout in in_each_layout(v[grad(y)]):
            layer = _conv_of(v)
            layer.forward(images)
            yield layer.backward(dout)
    yield _ByOffsets(v).dx()


def _dx_flipped(v: Sample) -> Iterator[Array]:
    """Go backward; and forward with the flipped kernel, over ∂L/∂y."""
    yield from _dx_backward(v)
    padding = v.sizes[KH] - 1 - v.sizes[PADDING], v.sizes[KV] - 1 - v.sizes[PADDING]
    if min(padding) >= 0:
        flipped = v[W].transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
        yield _conv(flipped, np.zeros(len(flipped)), 1, padding).forward(v[grad(y)])


def _parameter_gradient(name: str, by_offsets: Callable[["_ByOffsets"], Array]) -> Code:
    def code(v: Sample) -> Iterator[Array]:
        for backward in ("backward", "backward_params"):
            for images in in_each_layout(v[x]):
                layer = _conv_of(v)
                layer.forward(images)
                getattr(layer, backward)(v[grad(y)])
                yield layer.grads[name]
        yield by_offsets(_ByOffsets(v))

    return code


class _Axis(NamedTuple):
    """How a kernel's rows, or columns, lie in an odd kernel that moves pixel by pixel."""

    kernel: tuple[int, int]
    """Places of the odd kernel before and after them."""
    pixels: tuple[int, int]
    """Padding that the odd kernel does not have by itself."""
    windows: slice
    """Where the centres of the windows lie."""


def _axis(odd: int, before: int, v: Sample, along: tuple[Size, Size, Size]) -> _Axis:
    n_pixels, kernel, n_windows = (v.sizes[size] for size in along)
    stride, padding = v.sizes[STRIDE], v.sizes[PADDING]
    padded = max(0, padding + before - odd // 2)
    first = padded + odd // 2 - before - padding
    end = first + stride * (n_windows - 1) + 1
    return _Axis(
        (before, odd - before - kernel),
        (padded, max(0, end - padded - n_pixels)),
        slice(first, end, stride),
    )


class _ByOffsets:
    """A sample's convolution by offset_products, which has channels last and odd kernels.

    Rows lie at the end of theirs, columns at the beginning, so that the kernel reaches over every edge.
    """

    def __init__(self, v: Sample) -> None:
        rows = _axis(5, 5 - v.sizes[KH], v, (H, KH, HY))
        columns = _axis(7, 0, v, (V, KV, VY))
        images, dy, weight = (torch.tensor(v[name]).permute(0, 2, 3, 1) for name in (x, grad(y), W))
        self._x = F.pad(images, (0, 0, *columns.pixels, *rows.pixels))
        self._weight = F.pad(weight, (0, 0, *columns.kernel, *rows.kernel))
        self._bias = torch.tensor(v[b])
        everything = slice(None)
        self._windows = everything, rows.windows, columns.windows
        self._pixels = everything, _part(rows.pixels, v.sizes[H]), _part(columns.pixels, v.sizes[V])
        self._kernel = everything, _part(rows.kernel, v.sizes[KH]), _part(columns.kernel, v.sizes[KV])
        self._dy = self._x.new_zeros(*self._x.shape[:3], dy.shape[-1])
        self._dy[self._windows] = dy

    def y(self) -> Array:
        return _channels_second(offset_products.forward(self._x, self._weight, self._bias)[self._windows])

    def dx(self) -> Array:
        return _channels_second(offset_products.input_gradient(self._dy, self._weight)[self._pixels])

    def dweight(self) -> Array:
        gradient = offset_products.weight_gradient(self._dy, self._x, self._weight)
        return _channels_second(gradient[self._kernel])

    def dbias(self) -> Array:
        gradient: Array = offset_products.bias_gradient(self._dy).numpy()
        return gradient


def _part(padding: tuple[int, int], length: int) -> slice:
    return slice(padding[0], padding[0] + length)


def _channels_second(tensor: Tensor) -> Array:
    array: Array = tensor.permute(0, 3, 1, 2).numpy()
    return array


CODE: dict[str, Code] = {
    "conv.z": lambda v: im2col(channels_last(v[x]), _windows(v)),
    "conv.y": _y,
    "conv.db": _parameter_gradient("bias", _ByOffsets.dbias),
    "conv.dW": _parameter_gradient("weight", _ByOffsets.dweight),
    "conv.dz": _dz,
    "conv.dx": _dx,
    "conv.dx_flipped": _dx_flipped,
}


def _torch(v: Tensors) -> Tensors:
    stride, padding = int(v[STRIDE]), int(v[PADDING])
    if z in v:
        return {y: torch.einsum("shvpqi,mipq->smhv", v[z], v[W]) + v[b][:, None, None]}
    kernel = int(v[KH]), int(v[KV])
    windows = F.unfold(v[x], kernel, stride=stride, padding=padding)
    unfolded = windows.view(*v[x].shape[:2], *kernel, int(v[HY]), int(v[VY]))
    return {
        z: unfolded.permute(0, 4, 5, 2, 3, 1),
        y: F.conv2d(v[x], v[W], v[b], stride=stride, padding=padding),
    }


TORCH: dict[str, Torch] = {"convolution": _torch, "convolution_stride_1": _torch}
