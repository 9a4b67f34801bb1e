"""Optimizers: what turns gradients into updates of the parameters, in place."""

from collections.abc import Mapping
from typing import Protocol

from backproof.numpy_nn.adam import Adam, AdamW
from backproof.numpy_nn.array_checks import Array
from backproof.numpy_nn.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


class Optimizer(Protocol):
    """Updates the arrays of ``params`` by those of ``grads``, which are only read; η is the learning rate.

    Both have the same names, shapes and dtypes (real floating ones, else TypeError), and the same layout in
    memory, in any order of axes but without gaps (else ValueError).

    ``state`` holds what has to be saved beside the parameters (momentum, counts), in arrays that steps write
    into. ``learning_rate`` may change between steps.
    """

    state: dict[str, Array]
    learning_rate: float

    def __init__(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        learning_rate: float,
        *,
        weight_decay: float = ...,
    ) -> None:
        """Take references to the arrays."""

    def step(self) -> None:
        """Take one step with the gradients as they are now."""
