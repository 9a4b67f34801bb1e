"""Layers, losses, networks and optimizers in NumPy, gradients by hand; no other library may be imported here.

Every layer has ``params``, ``grads``, ``forward`` and ``backward``. ``forward`` may save for ``backward`` a
reference to its input or its output, not a copy, so leave both unchanged in between. ``backward`` takes the
loss's gradient at the output and returns the one at the input; gradients of parameters go into ``grads``,
overwriting what the arrays held. Input arrays are never written to. Layers that compute something else in
evaluation have ``train`` and ``eval``. Wrong shapes raise ValueError, wrong dtypes TypeError, ``backward``
before ``forward`` RuntimeError.

Each formula in a docstring starts with its label (``linear.dW``): the derivations, their proofs and
the tests use the same labels.
"""

from backproof.numpy_nn.activations import *
from backproof.numpy_nn.averaging import *
from backproof.numpy_nn.batchnorm import *
from backproof.numpy_nn.clipping import *
from backproof.numpy_nn.conv2d import *
from backproof.numpy_nn.convnet import *
from backproof.numpy_nn.dropout import *
from backproof.numpy_nn.flatten import *
from backproof.numpy_nn.linear import *
from backproof.numpy_nn.losses import *
from backproof.numpy_nn.mlp import *
from backproof.numpy_nn.optimizers import *
from backproof.numpy_nn.pooling import *
from backproof.numpy_nn.sequential import *
