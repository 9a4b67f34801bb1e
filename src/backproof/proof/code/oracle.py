"""What PyTorch says: its own functions in place of each computation, and autograd for every derivative."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from backproof.proof.equations import (
    activations,
    batchnorm,
    batchnorm_images,
    batchnorm_statistics,
    linear,
    losses,
    modules,
    update,
)
from backproof.proof.equations.letters import EPSILON, LOSS, SLOPE
from backproof.proof.formula.equation import Equation
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.formula.notation import Symbol, grad

# torch leaves these without types.
_jacobian: Callable[..., Tensor] = torch.autograd.functional.jacobian
_jvp: Callable[..., tuple[Tensor, Tensor]] = torch.autograd.functional.jvp
Tensors = dict[Symbol, Tensor]
Torch = Callable[[Tensors], Tensors]


def _layer(v: Tensors) -> Tensors:
    z = _held(v, modules.z, lambda: F.linear(v[modules.x_in], v[modules.W], v[modules.b]))
    x = _held(v, modules.x_out, lambda: F.leaky_relu(z, v[SLOPE].item()))
    return {modules.z: z, modules.x_out: x, modules.z_next: F.linear(x, v[modules.W_next], v[modules.b_next])}


def _fused(v: Tensors) -> Tensors:
    """Take torch's own fused loss, or where p is what moves, its loss of log p."""
    if losses.p in v:
        return {LOSS: F.nll_loss(v[losses.p].log(), v[losses.c])}
    return {losses.p: v[losses.x].softmax(1), LOSS: F.cross_entropy(v[losses.x], v[losses.c])}


def _normalised(v: Tensors) -> Tensors:
    """Take torch's batch norm; where what lies inside it moves, spell it out."""
    here = batchnorm
    x, gamma, beta, eps = (v[each] for each in (here.x, here.gamma, here.beta, EPSILON))
    if not {here.offset, here.mu, here.var, here.xhat} & v.keys():
        var, mu = torch.var_mean(x, 0, correction=0)
        y, xhat = _batch_norm(x, gamma, beta, eps), _batch_norm(x, None, None, eps)
        return {here.mu: mu, here.var: var, here.xhat: xhat, here.y: y}
    mu = _held(v, here.mu, lambda: x.mean(0) + v.get(here.offset, 0))
    var = _held(v, here.var, lambda: (x - mu).square().mean(0))
    xhat = _held(v, here.xhat, lambda: (x - mu) / (var + eps).sqrt())
    return {here.mu: mu, here.var: var, here.xhat: xhat, here.y: torch.addcmul(beta, gamma, xhat)}


def _normalised_images(v: Tensors) -> Tensors:
    here = batchnorm_images
    x, gamma, beta, eps = (v[each] for each in (here.x, here.gamma, here.beta, EPSILON))
    var, mu = torch.var_mean(x, (0, 2, 3), correction=0)
    y, xhat = _batch_norm(x, gamma, beta, eps), _batch_norm(x, None, None, eps)
    return {here.mu: mu, here.var: var, here.xhat: xhat, here.y: y}


def _batch_norm(x: Tensor, gamma: Tensor | None, beta: Tensor | None, eps: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps.item())


def _joint(v: Tensors) -> Tensors:
    """Take the statistics of all samples at once, whichever process has them."""
    x = v[batchnorm_statistics.x]
    var, mu = torch.var_mean(x, 0, correction=0)
    n = torch.tensor(float(len(x)), dtype=x.dtype)
    here = batchnorm_statistics
    return {here.TOTAL: n, here.mu: mu, here.q: var * n, here.var: var}


def _running(v: Tensors) -> Tensors:
    here = batchnorm_statistics
    mean, var = v[here.running_mean].clone(), v[here.running_var].clone()
    F.batch_norm(v[here.x], mean, var, training=True, momentum=v[here.MOMENTUM].item())
    return {here.running_mean: mean, here.running_var: var}


def _sgd(v: Tensors, gradient: Tensor) -> Tensor:
    param = torch.nn.Parameter(v[update.w].clone())
    param.grad = gradient
    torch.optim.SGD([param], lr=v[update.ETA].item()).step()
    return param.detach()


def _held(v: Tensors, symbol: Symbol, compute: Callable[[], Tensor]) -> Tensor:
    return v[symbol] if symbol in v else compute()


def _negative_log(p: Tensor, t: Tensor) -> Tensor:
    loss: Tensor = -torch.special.xlogy(t, p).sum(-1).mean()
    return loss


TORCH: dict[str, Torch] = {
    "layer": _layer,
    "output": lambda v: {modules.p: v[modules.scores].softmax(0)},
    "loss": lambda v: {LOSS: _negative_log(v[modules.p], v[modules.t])},
    "linear": lambda v: {linear.y: F.linear(v[linear.x], v[linear.W], v[linear.b])},
    "leaky_relu": lambda v: {activations.y: F.leaky_relu(v[activations.x], v[SLOPE].item())},
    "softmax": lambda v: {activations.p: v[activations.x].softmax(1)},
    "batch": lambda v: {LOSS: v[losses.losses].mean()},
    "cross_entropy": lambda v: {LOSS: _negative_log(v[losses.p], v[losses.t])},
    "softmax_cross_entropy": _fused,
    "batch_norm": _normalised,
    "batch_norm_any_mean": _normalised,
    "batch_norm_mean_held": _normalised,
    "batch_norm_images": _normalised_images,
    "joint": _joint,
    "running": _running,
}
"""Each graph in torch's own functions; a symbol that is given is not computed again."""


def says(equation: Equation, sample: Sample) -> Array:
    """Return the equation's left side as torch has it."""
    said: Array = _says(equation, sample).numpy()
    return said


def _says(equation: Equation, sample: Sample) -> Tensor:
    graph, name = equation.graph, equation.left.name
    given = {
        each: torch.tensor(array)
        for each, array in sample.arrays.items()
        if isinstance(each, Symbol) and each not in graph.defined
    }
    if graph.name == "sgd":
        return _sgd(given, torch.tensor(sample[grad(update.w)]))
    compute = TORCH[graph.name]
    if equation.truth is not None:
        return _tangent(compute, given)
    if isinstance(name, Symbol):
        return compute(given)[name]
    by = torch.tensor(sample[name.by]).requires_grad_()
    if name.of is None:
        outputs = compute({**given, name.by: by})
        each_loss = [(outputs[symbol] * torch.tensor(up)).sum() for symbol, up in sample.upstream.items()]
        loss = torch.stack(each_loss).sum()
        return torch.autograd.grad(loss, by)[0]
    of = name.of
    return _jacobian(lambda moved: compute({**given, name.by: moved})[of], by)


def _tangent(compute: Torch, given: Tensors) -> Tensor:
    """Return ẏ by torch: its functional jvp goes back twice, which gives the derivative forward."""
    moving = (batchnorm.x, batchnorm.gamma, batchnorm.beta)

    def y(*moved: Tensor) -> Tensor:
        return compute({**given, **dict(zip(moving, moved, strict=True))})[batchnorm.y]

    primals = tuple(given[each] for each in moving)
    tangents = tuple(given[batchnorm.DOTTED[each]] for each in moving)
    return _jvp(y, primals, tangents)[1]
