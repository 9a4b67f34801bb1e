"""Training in several processes that torchrun started: gloo carries what is on processors, nccl on CUDA."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from backproof.errors import LostProcessError


class JoinedProcesses:
    """The processes of torch's default group; see training.processes.Processes."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.count = dist.get_world_size()

    def any(self, flag: bool) -> bool:
        """Tell every process whether one of them says yes."""
        with lost_peers_reported():
            asked = torch.tensor(float(flag))
            dist.all_reduce(asked, dist.ReduceOp.MAX)
            return bool(asked)

    def of_first(self, text: str) -> str:
        """Return the first process's text to every process."""
        # As bytes: torch's own way of sending objects pickles them.
        data = torch.tensor(list(text.encode()), dtype=torch.uint8)
        length = torch.tensor(len(data))
        with lost_peers_reported():
            dist.broadcast(length, src=0)
            if self.rank:
                data = torch.empty(int(length), dtype=torch.uint8)
            dist.broadcast(data, src=0)
        return bytes(data.tolist()).decode()


@contextmanager
def joined() -> Iterator[JoinedProcesses]:
    """Join the group that torchrun's environment describes, and leave it at the end (LostProcessError)."""
    with lost_peers_reported():
        dist.init_process_group()
    try:
        yield JoinedProcesses()
        with lost_peers_reported():
            dist.barrier()  # none leaves while another still writes: torchrun would take that for a failure
    finally:
        dist.destroy_process_group()


@contextmanager
def lost_peers_reported() -> Iterator[None]:
    """Turn the failure of an exchange among processes into one line (LostProcessError)."""
    try:
        yield
    except RuntimeError as error:
        # gloo raises plain RuntimeErrors, which only their text tells apart from mistakes of our own.
        if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
            reason = str(error).strip().splitlines()[0].partition(". ")[0]
            raise LostProcessError(
                f"another process of this run has ended or cannot be reached ({reason})"
            ) from None
        raise
