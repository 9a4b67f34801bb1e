"""How far a run has come."""

from typing import Annotated

import msgspec

from backproof.training.record import Point


class Progress(msgspec.Struct):
    """How far a run has come: with the learner's state, all that going on needs."""

    step: Annotated[int, msgspec.Meta(ge=0)] = 0
    curves: list[Point] = []
    loss_sum: float = 0.0
    """Over the batches since the last point, as is accuracy_sum."""
    accuracy_sum: float = 0.0
    seconds: float = 0.0
    training_seconds: float = 0.0

    def steps_since_point(self) -> int:
        """Return how many batches the two sums hold."""
        return self.step - (self.curves[-1].step if self.curves else 0)
