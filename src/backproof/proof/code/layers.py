"""The code that is judged, as modules that can be exchanged for broken ones."""

from dataclasses import dataclass
from types import ModuleType

from backproof.numpy_nn import activations, linear, losses
from backproof.numpy_nn import optimizers as sgd
from backproof.torch_nn.batchnorm import batch_norm_modules as modules
from backproof.torch_nn.batchnorm import formulas, kernels
from backproof.torch_nn.batchnorm import joint_statistics as processes


@dataclass(frozen=True)
class Layers:
    """Every module with a hand-written formula."""

    linear: ModuleType = linear
    activations: ModuleType = activations
    losses: ModuleType = losses
    sgd: ModuleType = sgd
    kernels: ModuleType = kernels
    formulas: ModuleType = formulas
    modules: ModuleType = modules
    processes: ModuleType = processes
