"""Batch normalisation: a hand-written autograd Function, formulas for autograd, and a module for each.

Source: Ioffe and Szegedy (2015), Batch Normalization, https://arxiv.org/abs/1502.03167.
"""

from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNormAutograd, BatchNormManual
from backproof.torch_nn.batchnorm.function import BatchNormFunction, batch_norm

__all__ = ["BatchNormAutograd", "BatchNormFunction", "BatchNormManual", "batch_norm"]
