"""How a setting is declared: its default, and all that is known of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal


class Role(Enum):
    """What a setting decides."""

    LEARNING = "what the network learns"
    EVALUATION = "which images it is trained and evaluated on, and how often"
    SEED = "which of many runs of the same experiment this is"
    PRECISION = "in which numbers it is computed"
    MACHINE = "how this machine computes it"
    LOCATION = "where things are; may change when a run is resumed"


@dataclass(frozen=True)
class Bounds:
    """A closed interval of numbers."""

    least: float
    most: float
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"{self.least} to {self.most}"


def setting(
    default: Any,
    help: str,
    role: Role = Role.LEARNING,
    *,
    only: Iterable[Literal["mlp", "convnet", "torch"]] = (),
    bounds: Bounds | None = None,
    choices: Collection[str] = (),
) -> Any:
    """Declare a field of TrainConfig.

    ``only`` names what a network has to be for the setting to play a part; ``bounds`` hold for every number
    in it; ``choices`` list its values where its type does not.
    """
    facts = {"help": help, "role": role, "only": frozenset(only), "bounds": bounds, "choices": choices}
    return field(default=default, metadata=facts)
