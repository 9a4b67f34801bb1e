"""SGD, and PyTorch's."""

import torch

from backproof.numpy_nn.optimizers import SGD
from backproof.proof.equations.optimizers import ETA, w
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import grad
from backproof.proof.signatures import Code, Tensors, Torch


def _step(v: Sample) -> Array:
    params, grads = {"w": v[w].copy()}, {"w": v[grad(w)].copy()}
    SGD(params, grads, float(v[ETA])).step()
    return params["w"]


def _torch_step(v: Tensors) -> Tensors:
    param = torch.nn.Parameter(v[w].clone())
    param.grad = v[grad(w)]
    torch.optim.SGD([param], lr=v[ETA].item()).step()
    return {w: param.detach()}


CODE: dict[str, Code] = {"sgd.step": _step}
TORCH: dict[str, Torch] = {"sgd": _torch_step}
