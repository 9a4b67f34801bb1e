"""Augment batches so that what becomes of an image depends on seed, step, and its place in the batch."""

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
        channels, height, width = split.mean.shape
        count = part.stop - part.start
        # What is warped needs no border: outside the image all is zero.
        border = 0 if augmentation.is_affine else augmentation.crop_padding
        self._padded = np.zeros((count, channels, height + 2 * border, width + 2 * border), np.float32)
        self._middle = self._padded[:, :, border : border + height, border : border + width]
        self._whole = np.empty(self._middle.shape if augmentation.image_sizes else 0, np.float32)

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

        self._split.centred(mine, out=self._middle)
        full_size = out.shape[2]
        size = asked.image_size(step, self._steps) or full_size
        whole = out if size == full_size else self._whole
        if asked.is_affine:
            maps = transforms.affine_maps(
                np.radians(asked.rotation) * (2 * turn - 1),
                1 + asked.scaling * (2 * grow - 1),
                np.radians(asked.shear) * (2 * slant - 1),
            )
            transforms.warp(self._padded, maps, shifts, mirrored, whole)
        else:
            transforms.crop(self._padded, shifts, mirrored, whole)
        images = whole
        if size != full_size:
            shape = (*whole.shape[:2], size, size)
            images = out.reshape(-1)[: np.prod(shape)].reshape(shape)
            transforms.downscale(whole, images)
        if asked.cutout:
            side = max(1, round(asked.cutout * size / full_size))
            transforms.cut_out(images, np.stack([y, x], axis=1), side)
        return images
