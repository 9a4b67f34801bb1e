"""What the loops know of each channel, and which part of the samples or channels each thread takes."""

from typing import Any, NamedTuple

import numpy.typing as npt

from backproof.torch_nn.loop_compiler.compiled import called_by_loops

Array = npt.NDArray[Any]


class Channels(NamedTuple):
    """The line z = scale (x − origin) + offset of each channel i, (C,) in the dtype of computing.

    It is γ_i x̂_si + β_i. As origin is one of the channel's numbers, no digit is lost far from zero.
    """

    origin: Array
    scale: Array
    offset: Array


@called_by_loops
def part_of(n: int, part: int, parts: int) -> tuple[int, int]:
    """Return where a part of n samples or channels begins and ends."""
    return n * part // parts, n * (part + 1) // parts
