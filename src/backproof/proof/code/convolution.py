"""Conv2d in NumPy, PyTorch's by products over the kernel's offsets, and PyTorch's own."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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


def in_each_layout(images: Array) -> tuple[Array, Array]:
    """Return images with channels first in memory, and last."""
    return images, channels_first(channels_last(images))


def kernel_of(v: Sample) -> tuple[int, int]:
    """Return a sample's window."""
    return v.sizes[KH], v.sizes[KV]


def _conv(
    weight: Array, bias: Array, stride: int | tuple[int, int], padding: int | tuple[int, int]
) -> Conv2d:
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
    yield _by_offsets(v).y()


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
    for images in in_each_layout(v[x]):
        for dout in in_each_layout(v[grad(y)]):
            layer = _conv_of(v)
            layer.forward(images)
            yield layer.backward(dout)
    yield _by_offsets(v).dx()


def _dx_flipped(v: Sample) -> Iterator[Array]:
    """Go backward; and forward with the flipped kernel, over ∂L/∂y."""
    yield from _dx(v)
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
        yield by_offsets(_by_offsets(v))

    return code


class _Axis(NamedTuple):
    """How rows, or columns, of a convolution lie in one whose kernel is odd and moves by single pixels."""

    kernel: int
    """The odd kernel's pixels."""
    before: int
    after: int
    """Pixels of padding that the odd kernel does not have by itself."""
    windows: slice
    """Where the windows' centres lie."""


def _axis(n_pixels: int, kernel: int, n_windows: int, stride: int, padding: int) -> _Axis:
    odd = kernel + 1 - kernel % 2
    before = max(0, padding - odd // 2)
    first = odd // 2 - padding + before
    end = first + stride * (n_windows - 1) + 1
    return _Axis(odd, before, max(0, end - before - n_pixels), slice(first, end, stride))


class _ByOffsets:
    """A sample's convolution by offset_products, which has pixels before channels."""

    def __init__(self, v: Sample) -> None:
        def axis(pixels: Size, kernel: Size, windows: Size) -> _Axis:
            sizes = (v.sizes[size] for size in (pixels, kernel, windows, STRIDE, PADDING))
            return _axis(*sizes)

        rows, columns = axis(H, KH, HY), axis(V, KV, VY)
        self._kernel, self._pixels = kernel_of(v), (v.sizes[H], v.sizes[V])
        self._before = rows.before, columns.before
        images, dy = (torch.tensor(v[name]).permute(0, 2, 3, 1) for name in (x, grad(y)))
        self._x = F.pad(images, (0, 0, columns.before, columns.after, rows.before, rows.after))
        weight = torch.tensor(v[W]).permute(0, 2, 3, 1)
        short = rows.kernel - self._kernel[0], columns.kernel - self._kernel[1]
        self._weight = F.pad(weight, (0, 0, 0, short[1], 0, short[0]))
        self._bias = torch.tensor(v[b])
        self._windows: Any = (slice(None), rows.windows, columns.windows)
        self._dy = self._x.new_zeros(*self._x.shape[:3], dy.shape[-1])
        self._dy[self._windows] = dy

    def y(self) -> Array:
        return _channels_second(offset_products.forward(self._x, self._weight, self._bias)[self._windows])

    def dx(self) -> Array:
        dx = offset_products.input_gradient(self._dy, self._weight)
        (top, left), (n_rows, n_columns) = self._before, self._pixels
        return _channels_second(dx[:, top : top + n_rows, left : left + n_columns])

    def dweight(self) -> Array:
        gradient = offset_products.weight_gradient(self._dy, self._x, self._weight)
        return _channels_second(gradient[:, : self._kernel[0], : self._kernel[1]])

    def dbias(self) -> Array:
        gradient: Array = offset_products.bias_gradient(self._dy).numpy()
        return gradient


def _by_offsets(v: Sample) -> _ByOffsets:
    return _ByOffsets(v)


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
    n_out, _, *kernel = v[W].shape
    windows = F.unfold(v[x], kernel, stride=stride, padding=padding)
    unfolded = windows.unflatten(1, (-1, *kernel)).unflatten(4, (int(v[HY]), int(v[VY])))
    return {
        z: unfolded.permute(0, 4, 5, 2, 3, 1),
        y: F.conv2d(v[x], v[W], v[b], stride=stride, padding=padding),
    }


TORCH: dict[str, Torch] = {"convolution": _torch, "convolution_stride_1": _torch}
