"""The optimizers, clipping and averaging, and PyTorch's."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from backproof.numpy_nn.averaging import WeightAverage
from backproof.numpy_nn.clipping import clip_gradients
from backproof.numpy_nn.optimizers import SGD, Adam, AdamW
from backproof.proof.equations.optimizers import (
    BETA_1,
    BETA_2,
    DECAY,
    ETA,
    KEPT,
    MOMENTUM,
    MOST,
    NORM,
    STEPS,
    average,
    g,
    mean,
    mean_new,
    v,
    v_new,
    w,
)
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.letters import EPSILON
from backproof.proof.formula.notation import Name, grad
from backproof.proof.signatures import Code, Tensors, Torch

# torch has it without types.
_averaging: Callable[..., Callable[..., None]] = get_ema_multi_avg_fn


def _step(s: Sample) -> Array:
    params, grads = {"w": s[w].copy()}, {"w": s[grad(w)].copy()}
    SGD(params, grads, float(s[ETA])).step()
    return params["w"]


def _decayed(s: Sample) -> Iterator[Array]:
    """Tell the gradient by the step of length 1, and by Adam's first mean."""
    params, grads = {"w": s[w].copy()}, {"w": s[grad(w)]}
    SGD(params, grads, 1.0, weight_decay=float(s[DECAY])).step()
    yield s[w] - params["w"]
    adam = Adam({"w": s[w].copy()}, grads, 1.0, betas=(0.5, 0.5), weight_decay=float(s[DECAY]))
    adam.step()
    yield adam.state["w.exp_avg"] / 0.5


def _momentum(name: Name, *, nesterov: bool = False) -> Code:
    def code(s: Sample) -> Iterator[Array]:
        for decay in (0.0, float(s[DECAY])):
            params, grads = {"w": s[w].copy()}, {"w": s[g] - decay * s[w]}
            optimizer = SGD(
                params,
                grads,
                float(s[ETA]),
                momentum=float(s[MOMENTUM]),
                nesterov=nesterov,
                weight_decay=decay,
            )
            buffer = optimizer.state["w.momentum_buffer"]
            buffer[...] = s[v]
            optimizer.step()
            yield params["w"] if name is w else buffer

    return code


def _adam_settings(s: Sample) -> dict[str, Any]:
    return {"betas": (float(s[BETA_1]), float(s[BETA_2])), "eps": float(s[EPSILON])}


def _after_step(s: Sample, optimizer: Adam | AdamW, params: dict[str, Array]) -> dict[Name, Array]:
    state = optimizer.state
    state["steps"][...] = s[STEPS] - 1
    state["w.exp_avg"][...] = s[mean]
    state["w.exp_avg_sq"][...] = s[v]
    optimizer.step()
    return {w: params["w"], mean_new: state["w.exp_avg"], v_new: state["w.exp_avg_sq"]}


def _adam(s: Sample) -> Iterator[dict[Name, Array]]:
    for decay in (0.0, float(s[DECAY])):
        params, grads = {"w": s[w].copy()}, {"w": s[g] - decay * s[w]}
        optimizer = Adam(params, grads, float(s[ETA]), **_adam_settings(s), weight_decay=decay)
        yield _after_step(s, optimizer, params)


def _adamw(s: Sample) -> Iterator[dict[Name, Array]]:
    params, grads = {"w": s[w].copy()}, {"w": s[g]}
    optimizer = AdamW(params, grads, float(s[ETA]), **_adam_settings(s), weight_decay=float(s[DECAY]))
    yield _after_step(s, optimizer, params)


def _after(name: Name, *optimizers: Callable[[Sample], Iterator[dict[Name, Array]]]) -> Code:
    return lambda s: (after[name] for optimizer in optimizers for after in optimizer(s))


def _clipped(s: Sample) -> dict[Name, Array]:
    """Clip a gradient that is parted into two arrays."""
    gradient = s[g].copy()
    norm = clip_gradients({"w": gradient[:1], "b": gradient[1:]}, float(s[MOST]))
    return {NORM: np.array(norm), g: gradient}


def _averaged(s: Sample) -> Array:
    """Update twice: the first time copies."""
    weights, averages = {"w": s[average].copy()}, {"w": np.zeros_like(s[average])}
    averaging = WeightAverage(averages, weights, float(s[KEPT]))
    averaging.update()
    weights["w"][...] = s[w]
    averaging.update()
    return averages["w"]


CODE: dict[str, Code] = {
    "sgd.step": _step,
    "weight_decay.g": _decayed,
    "momentum.v": _momentum(v_new),
    "momentum.step": _momentum(w),
    "nesterov.step": _momentum(w, nesterov=True),
    "adam.m": _after(mean_new, _adam, _adamw),
    "adam.v": _after(v_new, _adam, _adamw),
    "adam.step": _after(w, _adam),
    "adamw.step": _after(w, _adamw),
    "clipping.norm": lambda s: _clipped(s)[NORM],
    "clipping.g": lambda s: _clipped(s)[g],
    "averaging.step": _averaged,
}


def _torch_step(
    optimizer: Callable[..., torch.optim.Optimizer],
    w: torch.Tensor,
    gradient: torch.Tensor,
    **state: torch.Tensor,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Take PyTorch's step from a state; return the parameter and the new state."""
    param = torch.nn.Parameter(w.clone())
    param.grad = gradient
    made = optimizer([param])
    made.state[param].update({name: value.clone() for name, value in state.items()})
    made.step()
    return param.detach(), made.state[param]


def _torch_sgd(s: Tensors) -> Tensors:
    lr, decay = s[ETA].item(), s[DECAY].item()
    after, _ = _torch_step(partial(torch.optim.SGD, lr=lr), s[w], s[grad(w)])
    with_decay, _ = _torch_step(partial(torch.optim.SGD, lr=1, weight_decay=decay), s[w], s[grad(w)])
    return {w: after, g: s[w] - with_decay}


def _torch_momentum(s: Tensors, *, nesterov: bool) -> Tensors:
    sgd = partial(torch.optim.SGD, lr=s[ETA].item(), momentum=s[MOMENTUM].item(), nesterov=nesterov)
    after, state = _torch_step(sgd, s[w], s[g], momentum_buffer=s[v])
    return {w: after, v_new: state["momentum_buffer"]}


def _torch_adam(s: Tensors, *, decoupled: bool) -> Tensors:
    settings: dict[str, Any] = {
        "lr": s[ETA].item(),
        "betas": (s[BETA_1].item(), s[BETA_2].item()),
        "eps": s[EPSILON].item(),
        "weight_decay": s[DECAY].item() if decoupled else 0,
    }
    optimizer = partial(torch.optim.AdamW if decoupled else torch.optim.Adam, **settings)
    after, state = _torch_step(
        optimizer, s[w], s[g], step=(s[STEPS] - 1).float(), exp_avg=s[mean], exp_avg_sq=s[v]
    )
    return {w: after, mean_new: state["exp_avg"], v_new: state["exp_avg_sq"]}


def _torch_clipped(s: Tensors) -> Tensors:
    parts = [torch.nn.Parameter(torch.zeros_like(part)) for part in (s[g][:1], s[g][1:])]
    for part, gradient in zip(parts, (s[g][:1], s[g][1:]), strict=True):
        part.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parts, s[MOST].item())
    return {NORM: norm, g: torch.cat([part.grad for part in parts if part.grad is not None])}


def _torch_averaged(s: Tensors) -> Tensors:
    averages = [s[average].clone()]
    _averaging(s[KEPT].item())(averages, [s[w]], 1)
    return {average: averages[0]}


TORCH: dict[str, Torch] = {
    "sgd": _torch_sgd,
    "momentum": partial(_torch_momentum, nesterov=False),
    "nesterov": partial(_torch_momentum, nesterov=True),
    "adam": partial(_torch_adam, decoupled=False),
    "adamw": partial(_torch_adam, decoupled=True),
    "clipping": _torch_clipped,
    "averaging": _torch_averaged,
}
