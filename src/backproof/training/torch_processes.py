"""The processes that torchrun started, as torch's process group: gloo on processors, nccl on CUDA."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from backproof.errors import LostProcessError


class TorchProcesses:
    """The processes of torch's default group; see training.processes.Processes."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.count = dist.get_world_size()

    def any_reduce(self, flag: bool) -> bool:
        """Return whether the flag of any process is set."""
        with lost_peers_reported():
            largest = torch.tensor(float(flag))
            dist.all_reduce(largest, dist.ReduceOp.MAX)
            return bool(largest)

    def broadcast(self, text: str) -> str:
        """Return process 0's text in every process."""
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
def process_group() -> Iterator[TorchProcesses]:
    """Join the group that torchrun's environment describes, and leave it at the end (LostProcessError)."""
    with lost_peers_reported():
        dist.init_process_group()
    try:
        yield TorchProcesses()
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
