"""Mini-batches in an order that depends on the seed and the step alone, so that resuming needs no state."""

import numpy as np

from backproof.arrays import Images, Indices, Labels
from backproof.data.augmentation import Augmentation
from backproof.data.augmenter import Augmenter
from backproof.data.dataset import Split
from backproof.errors import ConfigError

_AS_THEY_ARE = Augmentation()


class Batches:
    """The training batches: ``batches[k]`` is the one of step k = 1, 2, ….

    Every epoch is a fresh permutation; what is left of it after the last whole batch is dropped. Of ``count``
    processes, number ``rank`` gets its equal part of each batch. The run has ``steps`` in all, on which the
    images' size may depend.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        *,
        rank: int = 0,
        count: int = 1,
        augmentation: Augmentation = _AS_THEY_ARE,
        steps: int = 1,
    ) -> None:
        if batch_size > len(split):
            raise ConfigError(
                f"batch_size {batch_size} is larger than the training set of {len(split):,} images; "
                f"choose at most {len(split)}"
            )
        if batch_size % count:
            raise ConfigError(
                f"batch_size {batch_size} does not part evenly among {count} processes; "
                f"choose a multiple of {count}"
            )
        self.batch_size = batch_size
        self._part = slice(batch_size // count * rank, batch_size // count * (rank + 1))
        self._split = split
        self._seed = seed
        self._epoch = -1
        self._order: Indices = np.empty(0, np.int64)
        self._augmenter = (
            Augmenter(augmentation, split, batch_size, self._part, seed, steps)
            if augmentation != _AS_THEY_ARE
            else None
        )
        self.shape = (batch_size // count, *split.pixels.shape[1:])
        """Of the images of a step, if they are not scaled down."""
        self._images = np.empty(self.shape, np.float32)

    def indices(self, step: int) -> Indices:
        """Return which images make up the whole batch of this step, (B,)."""
        epoch, place = divmod(step - 1, len(self._split) // self.batch_size)
        if epoch != self._epoch:
            # spawn_key keeps this stream apart from every other that starts at the same seed.
            rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(1, epoch)))
            self._order, self._epoch = rng.permutation(len(self._split)), epoch
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]

    def __getitem__(self, step: int) -> tuple[Images, Labels]:
        """Return the images, centred and augmented, and labels of a step; the next call overwrites them."""
        return self.draw(step, self._images)

    def draw(self, step: int, out: Images) -> tuple[Images, Labels]:
        """Return the images of this step, written into contiguous ``out`` of ``shape``, and its labels."""
        indices = self.indices(step)
        labels = self._split.labels[indices[self._part]]
        if self._augmenter is None:
            return self._split.centred(indices[self._part], out=out), labels
        return self._augmenter.draw(step, self._epoch, indices, out), labels
