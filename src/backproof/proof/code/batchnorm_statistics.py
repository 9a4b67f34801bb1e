"""Statistics beyond one batch, joined over processes and running; and PyTorch's."""

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from backproof.numpy_nn.batchnorm import BatchNorm as NumPyBatchNorm
from backproof.proof.equations.batchnorm_statistics import (
    MOMENTUM,
    TOTAL,
    Q,
    e,
    mu,
    n,
    q,
    running_mean,
    running_var,
    var,
    x,
)
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample
from backproof.proof.signatures import Code, Tensors, Torch
from backproof.torch_nn.batchnorm.batch_norm_modules import BatchNormManual
from backproof.torch_nn.batchnorm.joint_statistics import combined


def _joint(number: int) -> Code:
    def code(v: Sample) -> Array:
        counts, means, squares = (torch.tensor(v[symbol]) for symbol in (n, e, Q))
        statistic: Array = combined(counts[:, None].expand_as(means), means, squares)[number].numpy()
        return statistic[0] if number == 0 else statistic

    return code


_RUNNING = {"running_mean": running_mean, "running_var": running_var}


def _running(name: str) -> Code:
    def code(v: Sample) -> Iterator[Array]:
        before, momentum = v[_RUNNING[name]], float(v[MOMENTUM])
        yield _after_a_batch(v, momentum, 0)[name]
        layer = NumPyBatchNorm(v[x].shape[1], momentum=momentum)
        for buffer, symbol in _RUNNING.items():
            layer.buffers[buffer][...] = v[symbol]
        layer.forward(v[x])
        yield layer.buffers[name]
        # Without a momentum the third batch counts for 1/3: along the same line, as far as that.
        yield before + (_after_a_batch(v, None, 2)[name] - before) * (3 * momentum)

    return code


def _after_a_batch(v: Sample, momentum: float | None, n_batches: int) -> dict[str, Array]:
    """Return the running statistics after one more batch."""
    batch = torch.tensor(v[x])
    norm = BatchNormManual(batch.shape[1], momentum=momentum, track_running_stats=True).double()
    norm.get_buffer("num_batches_tracked").add_(n_batches)
    for name, symbol in _RUNNING.items():
        norm.get_buffer(name).copy_(torch.tensor(v[symbol]))
    norm(batch)
    return {name: norm.get_buffer(name).numpy() for name in _RUNNING}


CODE: dict[str, Code] = {
    "bn.joint_n": _joint(0),
    "bn.joint_mu": _joint(1),
    "bn.joint_q": _joint(2),
    "bn.joint_var": _joint(3),
    "bn.running_mean": _running("running_mean"),
    "bn.running_var": _running("running_var"),
}


def _torch_joint(v: Tensors) -> Tensors:
    """Take the statistics of all samples at once, whichever process has them."""
    biased, mean = torch.var_mean(v[x], 0, correction=0)
    count = torch.tensor(float(len(v[x])), dtype=v[x].dtype)
    return {TOTAL: count, mu: mean, q: biased * count, var: biased}


def _torch_running(v: Tensors) -> Tensors:
    mean, variance = v[running_mean].clone(), v[running_var].clone()
    F.batch_norm(v[x], mean, variance, training=True, momentum=v[MOMENTUM].item())
    return {running_mean: mean, running_var: variance}


TORCH: dict[str, Torch] = {"joint": _torch_joint, "running": _torch_running}
