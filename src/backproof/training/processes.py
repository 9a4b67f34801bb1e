"""The processes that train one network together: a single one, or those that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Processes(Protocol):
    """What a run needs from its processes, each of which takes an equal share of every batch."""

    rank: int
    """This process's number; process 0 alone writes and prints."""
    count: int

    def any_reduce(self, flag: bool) -> bool:
        """Return whether the flag of any process is set; all processes have to call it."""

    def broadcast(self, text: str) -> str:
        """Return process 0's text in every process; all processes have to call it."""


class SingleProcess:
    """One process, the usual case."""

    rank = 0
    count = 1

    def any_reduce(self, flag: bool) -> bool:
        """Return the flag."""
        return flag

    def broadcast(self, text: str) -> str:
        """Return the text."""
        return text


def world_size() -> int:
    """Return how many processes torchrun started for this run; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


@contextmanager
def all_processes() -> Iterator[Processes]:
    """Yield the processes of this run; those of torchrun leave their group at the end (LostProcessError)."""
    if world_size() > 1:
        from backproof.training.torch_processes import process_group

        with process_group() as processes:
            yield processes
    else:
        yield SingleProcess()
