"""Conv2d as PyTorch has it, but for small images by the products of offset_products.py."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from backproof.torch_nn import offset_products

_MOST_FOR_DW, _MOST = 3 / 4, 1 / 2
"""Copying what each offset reaches pays where at most this share of a sliding kernel's products meets the
image, and the rest padding: with a 3 × 3 kernel up to 4 × 4 pixels for dW; up to 2 × 2 for y and dx, where
the products are also added up.
"""


class Conv2d(nn.Conv2d):
    """torch.nn.Conv2d, but faster where images are as small as its kernel.

    That needs a processor, weights that lie channels last, and a kernel that moves pixel by pixel and leaves
    the image's size as it is. All else is torch's, transforms and compilation too.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map images (B, D, H, V) to (B, M, H, V), or as the settings say."""
        if not torch.compiler.is_compiling() and self._keeps_size:
            x, weight = _autocast(input), _autocast(self.weight)
            if _fit(x, weight) and _are_plain(x, weight) and _share(x, weight) <= _MOST_FOR_DW:
                return _apply(x, weight, None if self.bias is None else _autocast(self.bias))
        return super().forward(input)

    @property
    def _keeps_size(self) -> bool:
        moves = self.stride, self.dilation, self.groups, self.padding_mode
        widths = tuple(2 * margin + 1 for margin in self.padding if isinstance(margin, int))
        return moves == ((1, 1), (1, 1), 1, "zeros") and widths == self.kernel_size


class SmallImageConvolution(torch.autograd.Function):
    """The convolution whose y, dx and dW are offset_products.py's where that pays, and torch's elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return y (B, M, H, V), given x (B, D, H, V), W (M, D, K, L) and b (M,)."""
        ctx.save_for_backward(x, weight)
        if _share(x, weight) > _MOST:
            return F.conv2d(x, weight, bias, padding=_margins(weight))
        return _channels_first(offset_products.forward(_channels_last(x), _channels_last(weight), bias))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return dx, dW and db, None where not needed; by torch where they are differentiated, or batched."""
        (dy,) = grad_outputs
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        if torch.is_grad_enabled() or not _are_plain(dy, x, weight):
            return _torch_backward(dy, x, weight, wanted)
        pixels, pixels_out, kernel = (_channels_last(tensor) for tensor in (x, dy, weight))
        dx = dweight = dbias = None
        if wanted[0] and _share(x, weight) > _MOST:
            dx, _, _ = _torch_backward(dy, x, weight, (True, False, False))
        elif wanted[0]:
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


def _torch_backward(
    dy: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    ones = [1, 1]
    return _convolution_backward(
        dy, x, weight, [len(weight)], ones, _margins(weight), ones, False, [0, 0], 1, wanted
    )


def _autocast(tensor: Tensor) -> Tensor:
    """Return a convolution's operand as autocast has it on a processor."""
    if not torch.is_autocast_enabled("cpu") or tensor.dtype == torch.float64:
        return tensor
    return tensor.to(torch.get_autocast_dtype("cpu"))


def _fit(x: Tensor, weight: Tensor) -> bool:
    """Tell whether these are images and weights that torch.nn.Conv2d takes, the latter channels last."""
    return (
        x.ndim == 4
        and x.shape[1] == weight.shape[1]
        and x.dtype == weight.dtype
        and x.is_floating_point()
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


def _share(x: Tensor, weight: Tensor) -> float:
    (height, width), (rows, columns) = x.shape[2:], weight.shape[2:]
    return offset_products.useful_share(height, rows) * offset_products.useful_share(width, columns)


def _margins(weight: Tensor) -> list[int]:
    return [size // 2 for size in weight.shape[2:]]


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 2, 3, 1).contiguous()


def _channels_first(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 3, 1, 2)
