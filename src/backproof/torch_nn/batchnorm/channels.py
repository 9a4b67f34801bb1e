"""What the loops know of each channel."""

from typing import Any, NamedTuple

import numpy.typing as npt

Array = npt.NDArray[Any]


class Channels(NamedTuple):
    """Of each channel i, (C,) in the dtype of computing: γ, β, μ rounded, what μ lost thereby, and 1/√(σ² + ε).

    x − μ is taken in two steps, x − mean − rest, of which the first is exact where x is near μ.
    """

    gamma: Array
    beta: Array
    mean: Array
    rest: Array
    invstd: Array
