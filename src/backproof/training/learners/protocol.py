"""What the training loop needs from a framework, and from the data."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from backproof.arrays import Images, Labels, State


class Metrics(NamedTuple):
    """Mean loss (natural logarithm) and fraction of images whose top-scored class is right."""

    loss: float
    accuracy: float


class BatchSource(Protocol):
    """Where a step's batch comes from."""

    def __getitem__(self, step: int) -> tuple[Images, Labels]:
        """Return the images (B, channels, height, width) and labels (B,) of step 1, 2, …."""


class Learner(Protocol):
    """A network and its optimizer, in whatever framework."""

    device: str
    """What computes: cpu, or the name of a GPU."""
    notes: Sequence[str]
    """What the user should know of how it computes, a line each."""
    learning_rate: float
    """Of the next step."""

    def step(self, images: Images, labels: Labels) -> Metrics:
        """Train on one batch; the metrics are those before the update."""

    def evaluate(self, batches: Iterable[tuple[Images, Labels]], n_views: int = 1) -> Metrics:
        """Measure over all the batches, training nothing.

        With more than one view, probabilities are averaged over so many mirrored and shifted copies of each
        image.
        """

    def gradient_norms(self) -> dict[str, float]:
        """Return the L2 norm of the latest step's gradient of each layer's weights, from input to output."""

    def first_weights(self) -> npt.NDArray[np.floating[Any]]:
        """Return a copy of the first layer's weights: (M, D), or (M, channels, height, width)."""

    def probabilities(self, images: Images) -> npt.NDArray[np.floating[Any]]:
        """Return each image's class probabilities (B, C)."""

    def state(self) -> State:
        """Return the arrays that load_state takes back; not copies, so save them before the next step."""

    def load_state(self, state: State) -> None:
        """Go on from a saved state (ValueError if it is another network's)."""
