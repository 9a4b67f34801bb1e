"""Conv2d as PyTorch has it, but for small images by the products of offset_products.py."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from backproof.torch_nn import offset_products

_MOST = 3 / 4
"""Copying what each offset of the kernel reaches pays where at most this share of a sliding kernel's products
meets the image, and the rest padding: with a 3 × 3 kernel up to 4 × 4 pixels.
"""
_AUTOCAST_FROM = (torch.float32, torch.bfloat16, torch.float16)


class Conv2d(nn.Conv2d):
    """torch.nn.Conv2d, but faster where images are little larger than its kernel.

    That needs a processor, weights that lie channels last, and a kernel that moves pixel by pixel and leaves
    the image's size as it is. All else is torch's, transforms and compilation too.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map images (B, D, H, V) to (B, M, H, V), or as the settings say."""
        if not torch.compiler.is_compiling() and self._keeps_size and _is_small(input, self.kernel_size):
            x, weight = _autocast(input), _autocast(self.weight)
            bias = None if self.bias is None else _autocast(self.bias)
            operands = [x, weight] if bias is None else [x, weight, bias]
            if _fit(*operands) and _are_plain(*operands):
                return _apply(x, weight, bias)
        return super().forward(input)

    @property
    def _keeps_size(self) -> bool:
        moves = self.stride, self.dilation, self.groups, self.padding_mode
        widths = tuple(2 * margin + 1 for margin in self.padding if isinstance(margin, int))
        return moves == ((1, 1), (1, 1), 1, "zeros") and widths == self.kernel_size


class SmallImageConvolution(torch.autograd.Function):
    """The convolution by offset_products.py; its second derivatives are torch's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return y (B, M, H, V), given x (B, D, H, V), W (M, D, K, L) and b (M,)."""
        ctx.save_for_backward(x, weight)
        return _channels_first(offset_products.forward(_channels_last(x), _channels_last(weight), bias))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return dx, dW and db, None where not needed; by torch where they are differentiated, or batched."""
        (dy,) = grad_outputs
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        if torch.is_grad_enabled() or not _are_plain(dy, x, weight):
            ones, margins = [1, 1], [size // 2 for size in weight.shape[2:]]
            return _convolution_backward(
                dy, x, weight, [len(weight)], ones, margins, ones, False, [0, 0], 1, wanted
            )
        pixels, pixels_out, kernel = (_channels_last(tensor) for tensor in (x, dy, weight))
        dx = dweight = dbias = None
        if wanted[0]:
            dx = _channels_first(offset_products.input_gradient(pixels_out, kernel))
        if wanted[1]:
            dweight = _channels_first(offset_products.weight_gradient(pixels_out, pixels, kernel))
        if wanted[2]:
            dbias = offset_products.bias_gradient(pixels_out)
        return dx, dweight, dbias


# torch leaves these without types.
_apply: Callable[[Tensor, Tensor, Tensor | None], Tensor] = SmallImageConvolution.apply
_convolution_backward: Callable[..., tuple[Tensor | None, Tensor | None, Tensor | None]] = (
    torch.ops.aten.convolution_backward
)
_unpack_dual: Callable[[Tensor], forward_ad.UnpackedDualTensor] = forward_ad.unpack_dual


def _is_small(x: Tensor, kernel_size: tuple[int, ...]) -> bool:
    """Tell whether these are images of which a sliding kernel meets little."""
    if x.ndim != 4 or 0 in x.shape[2:]:
        return False
    axes = zip(x.shape[2:], kernel_size, strict=True)
    return math.prod(offset_products.useful_share(*axis) for axis in axes) <= _MOST


def _autocast(tensor: Tensor) -> Tensor:
    """Return a convolution's operand as autocast has it on a processor."""
    if not torch.is_autocast_enabled("cpu") or tensor.dtype not in _AUTOCAST_FROM:
        return tensor
    return tensor.to(torch.get_autocast_dtype("cpu"))


def _fit(x: Tensor, weight: Tensor, *bias: Tensor) -> bool:
    """Tell whether torch.nn.Conv2d takes these, and the weights lie channels last."""
    return (
        x.shape[1] == weight.shape[1]
        and x.is_floating_point()
        and all(tensor.dtype == x.dtype for tensor in (weight, *bias))
        and weight.is_contiguous(memory_format=torch.channels_last)
    )


def _are_plain(*tensors: Tensor) -> bool:
    """Tell whether all lie on a processor, and neither a transform nor forward mode is at work."""
    return not torch._C._are_functorch_transforms_active() and all(
        type(tensor) in (Tensor, nn.Parameter)
        and torch._C._dispatch_keys(tensor).has(torch._C.DispatchKey.CPU)  # the older vmap's lack it
        and _unpack_dual(tensor).tangent is None
        for tensor in tensors
    )


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 2, 3, 1).contiguous()


def _channels_first(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 3, 1, 2)
