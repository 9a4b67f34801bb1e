"""Batch normalisation, three times: by autograd, by a hand-written Function, and as modules of either.

Source: Ioffe and Szegedy (2015), Batch Normalization, https://arxiv.org/abs/1502.03167.
"""

from backproof.torch_nn.batchnorm.function import BatchNormFunction, batch_norm
from backproof.torch_nn.batchnorm.modules import BatchNormAutograd, BatchNormManual

__all__ = ["BatchNormAutograd", "BatchNormFunction", "BatchNormManual", "batch_norm"]
