"""Batch normalisation: by hand, in compiled loops or differentiable formulas, and by autograd; modules.

Source: Ioffe and Szegedy (2015), Batch Normalization, https://arxiv.org/abs/1502.03167.
"""

from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNormAutograd, BatchNormManual
from backproof.torch_nn.batchnorm.function import BatchNormFunction, batch_norm

__all__ = ["BatchNormAutograd", "BatchNormFunction", "BatchNormManual", "batch_norm"]
