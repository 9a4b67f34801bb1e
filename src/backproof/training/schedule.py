"""The learning rate of each step: a function of the step alone, so that resuming needs no state."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up to ``peak`` over a fraction of the steps, then a fall to 0, or none.

    ``linear`` with a warm-up is called one-cycle, or triangular (Smith, arXiv 1708.07120); ``cosine`` is half
    a period (Loshchilov & Hutter, arXiv 1608.03983).
    """

    peak: float
    name: Literal["constant", "linear", "cosine"]
    warmup: float
    steps: int

    def __call__(self, step: int) -> float:
        """Return the learning rate of step 1, 2, … steps; never 0, so that every step trains."""
        n_warmup = round(self.warmup * self.steps)
        if step <= n_warmup:
            return self.peak * step / (n_warmup + 1)
        left = 1 - (step - n_warmup - 1) / (self.steps - n_warmup)
        match self.name:
            case "constant":
                return self.peak
            case "linear":
                return self.peak * left
            case "cosine":
                return self.peak * (1 - math.cos(math.pi * left)) / 2
