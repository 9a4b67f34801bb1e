"""Batches with augmentation: what happens to images and how often, by seed, step and place in the batch."""

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.arrays import Images
from backproof.data.augmentation import Augmentation
from backproof.data.batches import Batches
from backproof.data.dataset import Split
from backproof.data.prefetch import PrefetchedBatches
from backproof.errors import ConfigError

EVERYTHING = Augmentation(
    crop_padding=2, flip=True, cutout=3, rotation=10, scaling=0.2, shear=5, image_sizes=(4, 6, 8)
)


def split_of(n: int, side: int = 8) -> Split:
    """A split of noise, so that every place of every image can be told from every other."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, 3, side, side), dtype=np.uint8)
    return Split(pixels, np.arange(n), pixels.mean(axis=0, dtype=np.float32))


def shifted(image: Images, down: int, right: int) -> Images:
    """What lies so far down and right of each pixel, one pixel at a time."""
    result = np.zeros_like(image)
    _, height, width = image.shape
    for y in range(height):
        for x in range(width):
            if 0 <= y + down < height and 0 <= x + right < width:
                result[:, y, x] = image[:, y + down, x + right]
    return result


def pairs(batches: Batches, split: Split, steps: range) -> list[tuple[Images, Images]]:
    """Each image as it came and as it was, centred."""
    return [
        (image.copy(), split.centred(batches.indices(step))[place])
        for step in steps
        for place, image in enumerate(batches[step][0])
    ]


def test_none_asked_for_leaves_every_bit() -> None:
    split = split_of(20)
    plain, augmented = Batches(split, 5, 3), Batches(split, 5, 3, augmentation=Augmentation(), steps=9)
    for step in range(1, 10):
        images, labels = augmented[step]
        assert np.array_equal(images, split.centred(plain.indices(step)))
        assert np.array_equal(labels, plain[step][1])


def test_augmentation_leaves_order_and_labels() -> None:
    split = split_of(20)
    plain, augmented = Batches(split, 5, 3), Batches(split, 5, 3, augmentation=EVERYTHING, steps=9)
    for step in range(1, 10):
        assert np.array_equal(plain.indices(step), augmented.indices(step))
        assert np.array_equal(plain[step][1], augmented[step][1])


def test_crops_are_shifts_and_all_of_them_occur_equally_often() -> None:
    split = split_of(50)
    batches = Batches(split, 50, 1, augmentation=Augmentation(crop_padding=1))
    seen: Counter[tuple[int, int]] = Counter()
    for image, before in pairs(batches, split, range(1, 19)):
        (which,) = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.array_equal(image, shifted(before, down, right))
        ]
        seen[which] += 1
    assert len(seen) == 9
    assert min(seen.values()) > 70  # of 100 on average; five standard deviations are 47
    assert max(seen.values()) < 140


def test_a_crop_may_leave_one_row_and_column() -> None:
    split = split_of(20, side=4)
    images = Batches(split, 20, 1, augmentation=Augmentation(crop_padding=3))[1][0]
    assert min((image != 0).any(axis=0).sum() for image in images) < 4


def mirrored(seed: int, epoch: int) -> list[bool]:
    """Which of 200 images are mirrored in epoch 0, 1, …"""
    split = split_of(200)
    batches = Batches(split, 50, seed, augmentation=Augmentation(flip=True))
    result = [False] * 200
    for step in range(4 * epoch + 1, 4 * epoch + 5):
        before = split.centred(batches.indices(step))
        for image, old, index in zip(batches[step][0], before, batches.indices(step), strict=True):
            result[index] = np.array_equal(image, old[:, :, ::-1])
            assert result[index] or np.array_equal(image, old)
    return result


def test_half_of_the_images_are_mirrored_and_the_others_in_the_next_epoch() -> None:
    first = mirrored(1, epoch=0)
    others = [not image for image in first]
    assert 60 < sum(first) < 140
    assert [mirrored(1, epoch) for epoch in (1, 2, 3)] == [others, first, others]


def test_seeds_differ_in_what_they_mirror() -> None:
    assert mirrored(1, epoch=0) != mirrored(2, epoch=0)


@pytest.mark.parametrize("side", [1, 2, 3, 8])
def test_cutout_is_a_square_of_zeros_cut_off_at_the_border(side: int) -> None:
    split = split_of(60)
    places: set[tuple[int, int]] = set()
    for image, before in pairs(
        Batches(split, 60, 1, augmentation=Augmentation(cutout=side)), split, range(1, 9)
    ):
        rows, columns = ((image != before).any(axis=axes).nonzero()[0] for axes in ((0, 2), (0, 1)))
        centres = [
            (y, x)
            for y in range(8)
            for x in range(8)
            if rows.tolist() == [r for r in range(8) if y - side // 2 <= r < y - side // 2 + side]
            and columns.tolist() == [c for c in range(8) if x - side // 2 <= c < x - side // 2 + side]
        ]
        assert centres
        expected = before.copy()
        expected[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 0
        assert np.array_equal(image, expected)
        places |= set(centres)
    assert len(places) == 64


def test_shifts_stay_the_same_whatever_else_is_asked_for() -> None:
    split = split_of(20)
    crops = Batches(split, 20, 1, augmentation=Augmentation(crop_padding=2))[3][0]
    both = Batches(split, 20, 1, augmentation=Augmentation(crop_padding=2, cutout=2))[3][0]
    uncovered = both != 0
    assert uncovered.mean() > 0.5
    assert np.array_equal(both[uncovered], crops[uncovered])


@pytest.mark.parametrize("flip", [False, True])
def test_an_affine_map_of_nothing_is_the_plain_crop_bit_for_bit(flip: bool) -> None:
    split = split_of(30)
    plain = Batches(split, 10, 1, augmentation=Augmentation(crop_padding=3, flip=flip))
    # Too small an angle to move a pixel by what float32 can show.
    warped = Batches(split, 10, 1, augmentation=Augmentation(crop_padding=3, flip=flip, rotation=1e-30))
    for step in range(1, 7):
        assert np.array_equal(plain[step][0], warped[step][0])


@pytest.mark.parametrize("what", ["rotation", "scaling", "shear"])
def test_affine_settings_change_images_and_larger_ones_more(what: str) -> None:
    # A smooth image, as noise changes altogether.
    y, x = np.mgrid[:32, :32]
    pixels = np.broadcast_to(
        (128 + 60 * np.sin(x / 4) + 60 * np.cos(y / 5)).astype(np.uint8), (64, 3, 32, 32)
    )
    split = Split(pixels, np.zeros(64, np.int64), np.full((3, 32, 32), 128, np.float32))
    small, large = (0.02, 0.2) if what == "scaling" else (2, 20)
    before = split.centred(np.arange(64))
    difference = [
        np.abs(Batches(split, 64, 1, augmentation=Augmentation(**{what: size}))[1][0] - before).mean()
        for size in (small, large)
    ]
    assert 0.5 < difference[0] < difference[1] / 3


def test_sizes_take_equal_shares_of_the_steps_in_their_order() -> None:
    batches = Batches(split_of(20), 5, 1, augmentation=Augmentation(image_sizes=(4, 6, 8)), steps=9)
    assert [batches[step][0].shape for step in range(1, 10)] == [
        (5, 3, side, side) for side in (4, 4, 4, 6, 6, 6, 8, 8, 8)
    ]


def test_sizes_that_do_not_part_the_steps_evenly_all_occur() -> None:
    batches = Batches(split_of(20), 5, 1, augmentation=Augmentation(image_sizes=(4, 8)), steps=3)
    assert [batches[step][0].shape[2] for step in (1, 2, 3)] == [4, 4, 8]


def test_the_smaller_image_has_the_means_of_the_larger_ones_areas() -> None:
    split = split_of(20)
    batches = Batches(split, 5, 1, augmentation=Augmentation(image_sizes=(4,)))
    images, before = batches[1][0], split.centred(batches.indices(1))
    np.testing.assert_allclose(images, before.reshape(5, 3, 4, 2, 4, 2).mean(axis=(3, 5)), atol=1e-4)


def test_images_are_scaled_down_after_cropping() -> None:
    split = split_of(40)
    crop = Augmentation(crop_padding=2, flip=True)
    cropped = Batches(split, 40, 1, augmentation=crop)[1][0]
    images = Batches(split, 40, 1, augmentation=replace(crop, image_sizes=(4,)))[1][0]
    np.testing.assert_allclose(images, cropped.reshape(40, 3, 4, 2, 4, 2).mean(axis=(3, 5)), atol=1e-4)


def test_cutout_comes_last_and_in_proportion_to_the_size() -> None:
    split = split_of(40)
    smaller = Augmentation(image_sizes=(4,))
    before = Batches(split, 40, 1, augmentation=smaller)[1][0]
    images = Batches(split, 40, 1, augmentation=replace(smaller, cutout=4))[1][0]
    zeros = (images == 0).all(axis=1)
    # A square of 4 in 8 × 8 pixels is one of 2 in 4 × 4.
    assert {2} == {int(zeros.any(axis=axis).sum(axis=1).max()) for axis in (1, 2)}
    visible = np.broadcast_to(~zeros[:, None], images.shape)
    assert np.array_equal(images[visible], before[visible])


def test_full_size_comes_bit_for_bit_as_without_sizes() -> None:
    split = split_of(20)
    crop = {"crop_padding": 2, "flip": True, "cutout": 3}
    plain = Batches(split, 5, 1, augmentation=Augmentation(**crop))
    sized = Batches(split, 5, 1, augmentation=Augmentation(**crop, image_sizes=(4, 8)), steps=4)
    for step in (3, 4):
        assert np.array_equal(plain[step][0], sized[step][0])


def batches_of(split: Split, rank: int = 0, count: int = 1) -> Batches:
    return Batches(split, 6, 2, rank=rank, count=count, augmentation=EVERYTHING, steps=30)


def test_a_step_has_the_same_images_whatever_came_before(rng: np.random.Generator) -> None:
    split = split_of(40)
    in_turn = batches_of(split)
    expected = {step: in_turn[step][0].copy() for step in range(1, 31)}
    batches = batches_of(split)
    for step in rng.permutation(np.repeat(np.arange(1, 31), 2)).tolist():
        assert np.array_equal(batches[step][0], expected[step])
    assert np.array_equal(batches_of(split)[23][0], expected[23])


@pytest.mark.parametrize("count", [2, 3, 6])
def test_processes_see_together_what_one_would(count: int) -> None:
    split = split_of(40)
    joint = batches_of(split)
    parts = [batches_of(split, rank, count) for rank in range(count)]
    for step in (1, 6, 7, 13, 20, 30):
        assert np.array_equal(np.concatenate([part[step][0] for part in parts]), joint[step][0])


def test_prefetched_batches_of_changing_sizes_are_the_same_to_the_last_step() -> None:
    split = split_of(40)
    plain, prefetched = batches_of(split), PrefetchedBatches(batches_of(split))
    for step in range(1, 31):
        images, _ = prefetched[step]
        time.sleep(0.002)  # the next one is under way, and must not write into this one
        np.testing.assert_array_equal(images, plain[step][0])


def test_equal_images_at_two_places_and_at_two_steps_differ() -> None:
    split = split_of(10)
    pixels = np.broadcast_to(split.pixels[:1], split.pixels.shape)
    batches = Batches(Split(pixels, split.labels, split.mean), 10, 1, augmentation=Augmentation(rotation=10))
    first, second = batches[1][0].copy(), batches[2][0].copy()
    assert len({image.tobytes() for image in (*first, *second)}) == 20


def test_numpys_own_random_numbers_are_not_touched() -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    assert len(batches_of(split_of(20))[1][0]) == 6
    assert np.random.random() == expected


@given(
    augmentation=st.builds(
        Augmentation,
        crop_padding=st.integers(0, 6),
        flip=st.booleans(),
        cutout=st.integers(0, 7),
        rotation=st.floats(0, 180),
        scaling=st.floats(0, 0.9),
        shear=st.floats(0, 80),
        image_sizes=st.lists(st.integers(1, 7), max_size=3).map(tuple),
    ),
    step=st.integers(1, 12),
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_no_value_lies_beyond_those_of_the_images(augmentation: Augmentation, step: int) -> None:
    split = split_of(12, side=7)
    images = Batches(split, 4, 1, augmentation=augmentation, steps=12)[step][0]
    before = split.centred(np.arange(12))
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    assert before.min() - 1e-3 <= images.min() <= images.max() <= before.max() + 1e-3


@pytest.mark.parametrize(
    ("augmentation", "line"),
    [
        (
            Augmentation(crop_padding=8),
            "crop_padding 8 could shift the images of 8 × 8 pixels out of sight; choose at most 7",
        ),
        (
            Augmentation(cutout=9),
            "cutout 9 is larger than the images of 8 × 8 pixels; choose at most 8",
        ),
        (
            Augmentation(image_sizes=(4, 9)),
            "image_sizes has 9, to which the images of 8 × 8 pixels cannot be scaled down; choose 1 to 8",
        ),
        (
            Augmentation(image_sizes=(0, 8)),
            "image_sizes has 0, to which the images of 8 × 8 pixels cannot be scaled down; choose 1 to 8",
        ),
        (
            Augmentation(image_sizes=(2, 4, 6, 8)),
            "image_sizes has 4 sizes for 3 steps; give at most 3, or train for more steps",
        ),
    ],
)
def test_what_the_images_or_steps_are_too_few_for_is_refused(augmentation: Augmentation, line: str) -> None:
    with pytest.raises(ConfigError) as error:
        Batches(split_of(10), 5, 1, augmentation=augmentation, steps=3)
    assert str(error.value) == line


def test_the_largest_that_fits_is_taken() -> None:
    largest = Augmentation(crop_padding=7, cutout=8, image_sizes=(1, 8, 8))
    batches = Batches(split_of(10), 5, 1, augmentation=largest, steps=3)
    assert [batches[step][0].shape[2] for step in (1, 2, 3)] == [1, 8, 8]
