"""What the loops know of each channel, x̂, and which part of the samples or channels each thread takes."""

from typing import Any, NamedTuple

import numpy.typing as npt

from backproof.torch_nn.loop_compiler.bfloat16 import widened
from backproof.torch_nn.loop_compiler.compiled import called_by_loops

Array = npt.NDArray[Any]


class Channels(NamedTuple):
    """Of each channel i: γ, β, μ as origin + rest, and 1/√(σ² + ε), all (C,) in the dtype of computing.

    Where origin is near x, x − origin is exact, and x − μ loses no digits however far from zero both are.
    """

    gamma: Array
    beta: Array
    origin: Array
    rest: Array
    invstd: Array


@called_by_loops
def channel(channels: Channels, i: int) -> tuple[Any, ...]:
    """Return γ, β, origin, rest and 1/√(σ² + ε) of channel i."""
    gamma, beta, origin, rest, invstd = channels
    return gamma[i], beta[i], origin[i], rest[i], invstd[i]


@called_by_loops
def xhat_of(x: Any, origin: Any, rest: Any, invstd: Any) -> Any:
    """Return x̂ of one number of a channel.

    bn.xhat:  x̂_si = (x_si − μ_i)/√(σ²_i + ε)
    """
    return (widened(x) - origin - rest) * invstd


@called_by_loops
def part_of(n: int, part: int, parts: int) -> tuple[int, int]:
    """Return where a part of n samples or channels begins and ends."""
    return n * part // parts, n * (part + 1) // parts
