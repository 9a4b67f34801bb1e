"""The order of training images follows from seed and step alone."""

import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.data.batches import Batches
from backproof.data.dataset import Split
from backproof.data.prefetch import PrefetchedBatches
from backproof.errors import ConfigError


def split_of(n: int) -> Split:
    """A split whose image i has all pixels i, of label i."""
    pixels = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 3, 2, 2))
    return Split(pixels, np.arange(n), np.full((3, 2, 2), 0.5, np.float32))


def order(batches: Batches, steps: range) -> list[list[int]]:
    return [batches[step][1].tolist() for step in steps]


@given(n=st.integers(1, 60), batch_size=st.integers(1, 60), seed=st.integers(0, 1 << 40))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_no_image_comes_twice_in_an_epoch(n: int, batch_size: int, seed: int) -> None:
    batch_size = min(batch_size, n)
    batches = Batches(split_of(n), batch_size, seed)
    in_an_epoch = n // batch_size
    for epoch in range(3):
        steps = range(1 + epoch * in_an_epoch, 1 + (epoch + 1) * in_an_epoch)
        labels = [label for batch in order(batches, steps) for label in batch]
        assert len(labels) == in_an_epoch * batch_size
        assert len(set(labels)) == len(labels)


def test_every_epoch_has_all_images_when_they_fill_whole_batches() -> None:
    batches = Batches(split_of(24), 6, seed=1)
    for first in (1, 5, 9):
        labels = [label for batch in order(batches, range(first, first + 4)) for label in batch]
        assert sorted(labels) == list(range(24))


def test_what_is_left_after_the_last_whole_batch_changes_from_epoch_to_epoch() -> None:
    batches = Batches(split_of(10), 4, seed=1)
    dropped = {
        frozenset(range(10))
        - {label for batch in order(batches, range(1 + e * 2, 3 + e * 2)) for label in batch}
        for e in range(5)
    }
    assert {len(images) for images in dropped} == {2}
    assert len(dropped) > 1


def test_epochs_differ_in_order() -> None:
    batches = Batches(split_of(20), 5, seed=3)
    assert order(batches, range(1, 5)) != order(batches, range(5, 9))


def test_seeds_differ_in_order() -> None:
    split = split_of(20)
    assert order(Batches(split, 5, seed=3), range(1, 5)) != order(Batches(split, 5, seed=4), range(1, 5))


def test_equal_seeds_agree() -> None:
    split = split_of(20)
    assert order(Batches(split, 5, seed=3), range(1, 20)) == order(Batches(split, 5, seed=3), range(1, 20))


def test_a_step_has_the_same_batch_whatever_came_before(rng: np.random.Generator) -> None:
    split = split_of(23)
    in_turn = order(Batches(split, 5, seed=7), range(1, 41))
    batches = Batches(split, 5, seed=7)
    for step in rng.permutation(np.repeat(np.arange(1, 41), 2)):
        assert batches[step][1].tolist() == in_turn[step - 1]
    assert Batches(split, 5, seed=7)[40][1].tolist() == in_turn[39]


def test_the_order_does_not_touch_numpys_own_random_numbers() -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    order(Batches(split_of(20), 5, seed=3), range(1, 9))
    assert np.random.random() == expected


def test_images_are_those_of_the_split_and_fit_their_labels(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (13, 3, 32, 32), dtype=np.uint8)
    split = Split(pixels, rng.integers(0, 10, 13), pixels.mean(axis=0, dtype=np.float32))
    batches = Batches(split, 4, seed=0)
    for step in range(1, 8):
        images, labels = batches[step]
        indices = batches.indices(step)
        assert images.dtype == np.float32
        assert np.array_equal(images, split.centred(indices))
        assert np.array_equal(labels, split.labels[indices])


def test_a_batch_may_be_the_whole_set() -> None:
    batches = Batches(split_of(6), 6, seed=0)
    assert all(sorted(batch) == list(range(6)) for batch in order(batches, range(1, 4)))


def test_a_batch_larger_than_the_set_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match="batch_size 201 is larger than the training set of 100 images"):
        Batches(split_of(100), 201, seed=0)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_processes_part_every_batch_among_them(count: int) -> None:
    joint = Batches(split_of(30), 6, seed=4)
    parts = [Batches(split_of(30), 6, seed=4, rank=rank, count=count) for rank in range(count)]
    for step in (1, 5, 6, 11):
        images, labels = joint[step]
        images = images.copy()
        np.testing.assert_array_equal(np.concatenate([part[step][0] for part in parts]), images)
        np.testing.assert_array_equal(np.concatenate([part[step][1] for part in parts]), labels)


def test_a_batch_that_processes_cannot_share_evenly_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size 7 does not part evenly among 2 processes; choose"):
        Batches(split_of(30), 7, seed=0, count=2)


@pytest.mark.parametrize("steps", [range(1, 12), [3, 4, 9, 10, 2, 2, 3]])
def test_prefetched_batches_are_the_same(steps: Iterable[int]) -> None:
    plain = Batches(split_of(30), 7, seed=2)
    prefetched = PrefetchedBatches(Batches(split_of(30), 7, seed=2))
    for step in steps:
        (images, labels), (expected, expected_labels) = prefetched[step], plain[step]
        time.sleep(0.002)  # the next one is under way, and must not write into this one
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, expected_labels)
