"""The processes that train one network together: a single one, or those that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Processes(Protocol):
    """What a run asks of its processes, each of which takes an equal share of every batch."""

    rank: int
    """This process's number; process 0 alone writes and prints."""
    count: int

    def any(self, flag: bool) -> bool:
        """Tell every process whether one of them says yes; all have to ask at the same place."""

    def of_first(self, text: str) -> str:
        """Return process 0's text to every process."""


class Alone:
    """One process, the usual case."""

    rank = 0
    count = 1

    def any(self, flag: bool) -> bool:
        """Return the flag."""
        return flag

    def of_first(self, text: str) -> str:
        """Return the text."""
        return text


def launched() -> int:
    """Return how many processes torchrun started for this run; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


@contextmanager
def all_processes() -> Iterator[Processes]:
    """Yield the processes of this run; those of torchrun leave their group at the end (LostProcessError)."""
    if launched() > 1:
        from backproof.training.learners.torch_processes import joined

        with joined() as processes:
            yield processes
    else:
        yield Alone()
