"""Prepare the next batch in a thread while the network trains on this one."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from backproof.arrays import Images, Labels
from backproof.data.batches import Batches


class PrefetchedBatches:
    """The same batches as ``batches``; each is prepared in a thread during the step before.

    The images of a step are overwritten two steps later.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._buffers = [np.empty(batches.shape, np.float32) for _ in range(2)]
        # One thread alone: it draws the batches in their order.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._next: tuple[int, Future[tuple[Images, Labels]]] | None = None

    def __getitem__(self, step: int) -> tuple[Images, Labels]:
        """Return the images and labels of this step, as ``batches`` does."""
        if self._next is None or self._next[0] != step:
            self._prepare(step)
        assert self._next is not None
        ready = self._next[1].result()
        self._prepare(step + 1)
        return ready

    def _prepare(self, step: int) -> None:
        self._next = step, self._worker.submit(self._batches.draw, step, self._buffers[step % 2])
