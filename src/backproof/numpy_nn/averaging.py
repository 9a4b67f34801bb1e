"""An exponential moving average of weights, which often does better than the last step's."""

from collections.abc import Mapping

import numpy as np

from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.chunks import chunks_of, scratch_for

__all__ = ["WeightAverage"]


class WeightAverage:
    """Averages weights, as torch's AveragedModel does it with get_ema_multi_avg_fn; the first update copies.

    averaging.step:  w̄_i ← w̄_i + (1 − β) (w_i − w̄_i)

    ``averages`` are written into, ``weights`` are only read: a network's parameters and buffers, and its
    copy's. Both have the same names, shapes and dtypes (real floating ones, else TypeError), and the same
    layout in memory (else ValueError). ``decay`` is β, the share of the old average that an update keeps;
    outside [0, 1) it is a ValueError.

    ``state`` says whether there was an update; it has to be saved beside the averages.
    """

    def __init__(self, averages: Mapping[str, Array], weights: Mapping[str, Array], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay has to be in [0, 1), but is {decay}")
        self._decay = float(decay)
        self._has_started = np.zeros((), bool)
        self.state: dict[str, Array] = {"has_started": self._has_started}
        self._chunks = chunks_of(weights, average=averages)
        self._scratch = scratch_for(weights)

    def update(self) -> None:
        """Take the weights as they are now into the averages."""
        for weight, average in self._chunks:
            if self._has_started:
                # The average itself is not scaled: β and 1 − β do not add up to 1 in float32.
                move = np.subtract(weight, average, out=self._scratch[: weight.size])
                move *= 1 - self._decay
                average += move
            else:
                average[...] = weight
        self._has_started[...] = True
