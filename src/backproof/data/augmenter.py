"""Augment batches so that what becomes of an image depends on seed, step, and its place in the batch."""

import math

import numpy as np

from backproof.arrays import Images, Indices
from backproof.data import transforms
from backproof.data.augmentation import Augmentation
from backproof.data.dataset import Split


class Augmenter:
    """Makes the images of a process's ``part`` of each batch in a run of so many steps (ConfigError).

    Chance draws for the whole batch, whatever is asked for: processes see together what one would see, and
    shifts stay the same when cutout is left out.
    """

    def __init__(
        self, augmentation: Augmentation, split: Split, batch_size: int, part: slice, seed: int, steps: int
    ) -> None:
        augmentation.check(split.mean.shape, steps)
        self._augmentation = augmentation
        self._split = split
        self._batch_size = batch_size
        self._part = part
        self._seed = seed
        self._steps = steps
        self._mirrored_at_first = self._rng(4).integers(0, 2, len(split), dtype=bool)
        whole = (part.stop - part.start, *split.mean.shape)
        self._to_scale_down = np.empty(whole if augmentation.image_sizes else 0, np.float32)

    def _rng(self, *spawn_key: int) -> np.random.Generator:
        # Keys (0,) to (2, …) are those of weights, order and dropout.
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=spawn_key))

    def draw(self, step: int, epoch: int, indices: Indices, out: Images) -> Images:
        """Return the images of this part of the batch with these ``indices``, (B, channels, height, width).

        They lie at the beginning of ``out``, a contiguous array for images that are not scaled down.
        """
        asked = self._augmentation
        mine = indices[self._part]
        down, right, y, x, turn, grow, slant = self._rng(3, step).random((7, self._batch_size))[:, self._part]
        shifts = (np.stack([down, right], axis=1) * (2 * asked.crop_padding + 1)).astype(np.int64)
        shifts -= asked.crop_padding
        mirrored = (self._mirrored_at_first[mine] ^ (epoch % 2 == 1)) & asked.flip

        full_size = out.shape[2]
        size = asked.image_size(step, self._steps) or full_size
        images = self._split.centred(mine, out=out if size == full_size else self._to_scale_down)
        if asked.is_affine:
            maps = transforms.affine_maps(
                np.radians(asked.rotation) * (2 * turn - 1),
                1 + asked.scaling * (2 * grow - 1),
                np.radians(asked.shear) * (2 * slant - 1),
            )
            transforms.warp(images, maps, shifts, mirrored)
        elif asked.crop_padding or asked.flip:
            transforms.shift(images, shifts, mirrored)
        if size != full_size:
            smaller = (*images.shape[:2], size, size)
            scaled = out.reshape(-1)[: math.prod(smaller)].reshape(smaller)
            transforms.downscale(images, scaled)
            images = scaled
        if asked.cutout:
            side = max(1, round(asked.cutout * size / full_size))
            transforms.cut_out(images, np.stack([y, x], axis=1), side)
        return images
