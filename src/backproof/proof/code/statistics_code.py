"""What the code computes of statistics beyond one batch: joined over processes, and running."""

from collections.abc import Callable
from typing import Any

import torch

from backproof.proof.code.layers import Layers
from backproof.proof.equations import batchnorm_statistics as here
from backproof.proof.formula.expression import Array
from backproof.proof.formula.graph import Sample

Code = Callable[[Layers, Sample], Any]


def _joint(number: int) -> Code:
    def code(layers: Layers, v: Sample) -> Array:
        n, e, q = (torch.tensor(v[each]) for each in (here.n, here.e, here.Q))
        parts = layers.processes.combined(n[:, None].expand_as(e), e, q)
        found: Array = parts[number].numpy()
        return found[0] if number == 0 else found

    return code


def _running(name: str) -> Code:
    def code(layers: Layers, v: Sample) -> list[Array]:
        start = v[_RUNNING[name]]
        momentum = float(v[here.MOMENTUM])
        # Without a momentum the third batch pulls by 1/3: along the same line, as far as that.
        third = start + (_track(layers, v, None, 2)[name] - start) * (3 * momentum)
        return [_track(layers, v, momentum, 0)[name], third]

    return code


_RUNNING = {
    "running_mean": here.running_mean,
    "running_var": here.running_var,
}


def _track(layers: Layers, v: Sample, momentum: float | None, n_batches: int) -> dict[str, Array]:
    """Return the running statistics after one more batch."""
    x = torch.tensor(v[here.x])
    norm = layers.modules.BatchNormManual(x.shape[1], momentum=momentum, track_running_stats=True).double()
    norm.num_batches_tracked.fill_(n_batches)
    for name, symbol in _RUNNING.items():
        getattr(norm, name).copy_(torch.tensor(v[symbol]))
    norm(x)
    return {name: getattr(norm, name).numpy() for name in _RUNNING}


CODE: dict[str, Code] = {
    "bn.joint_n": _joint(0),
    "bn.joint_mu": _joint(1),
    "bn.joint_q": _joint(2),
    "bn.joint_var": _joint(3),
    "bn.running_mean": _running("running_mean"),
    "bn.running_var": _running("running_var"),
}
"""What the code computes under each label: an array, or several that should all be the same."""
