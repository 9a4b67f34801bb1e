"""Batch norm of images, by the functions that batchnorm.py proves for (B, C); and PyTorch's."""

import torch

from backproof.proof.code.batchnorm import all_implementations, torch_batch_norm, xhat
from backproof.proof.equations import batchnorm_images as images
from backproof.proof.signatures import Code, Tensors, Torch

CODE: dict[str, Code] = {
    **{
        f"bn2d.{name}": all_implementations(name, images)
        for name in ("mu", "var", "y", "dgamma", "dbeta", "dx")
    },
    "bn2d.xhat": xhat(images),
}


def _torch_images(v: Tensors) -> Tensors:
    var, mu = torch.var_mean(v[images.x], (0, 2, 3), correction=0)
    return {images.mu: mu, images.var: var, **torch_batch_norm(v, images)}


TORCH: dict[str, Torch] = {"batch_norm_images": _torch_images}
