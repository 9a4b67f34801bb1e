"""Splits and their mean: no image is in two of them, and arithmetic is exact."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.data import cifar10, digits, load
from backproof.data.dataset import Split
from backproof.errors import ConfigError
from py2_batches import BATCHES, write_folder

N = 35


@pytest.fixture(autouse=True)
def batches(tmp_path: Path, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    return write_folder(tmp_path / "batches", rng, n=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "batches"


@pytest.fixture
def pixels(batches: dict[str, dict[str, Any]]) -> np.ndarray:
    """All training images in the order of the files."""
    return np.concatenate([batches[name]["data"] for name in BATCHES[:5]]).reshape(N, 3, 32, 32)


@pytest.fixture
def labels(batches: dict[str, dict[str, Any]]) -> np.ndarray:
    return np.concatenate([batches[name]["labels"] for name in BATCHES[:5]])


def exact_mean(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float64).mean(axis=0).astype(np.float32)


def test_without_validation_the_training_set_is_whole(
    folder: Path, pixels: np.ndarray, labels: np.ndarray
) -> None:
    dataset = load("cifar10", folder)
    assert dataset.validation is None
    assert np.array_equal(dataset.train.pixels, pixels)
    assert np.array_equal(dataset.train.labels, labels)
    assert np.array_equal(dataset.train.mean, exact_mean(pixels))


@pytest.mark.parametrize("size", [1, 10, N - 1])
def test_validation_takes_the_last_images_and_keeps_them_out_of_the_mean(
    folder: Path, pixels: np.ndarray, labels: np.ndarray, size: int
) -> None:
    dataset = load("cifar10", folder, size)
    assert dataset.validation is not None
    assert (len(dataset.train), len(dataset.validation)) == (N - size, size)
    assert np.array_equal(dataset.train.pixels, pixels[:-size])
    assert np.array_equal(dataset.train.labels, labels[:-size])
    assert np.array_equal(dataset.validation.pixels, pixels[-size:])
    assert np.array_equal(dataset.validation.labels, labels[-size:])
    assert np.array_equal(dataset.train.mean, exact_mean(pixels[:-size]))


def test_every_split_subtracts_the_training_images_mean(folder: Path, pixels: np.ndarray) -> None:
    dataset = load("cifar10", folder, 5)
    assert dataset.validation is not None
    for split in (dataset.train, dataset.validation, dataset.test):
        assert np.array_equal(split.mean, exact_mean(pixels[:-5]))


def test_the_test_set_is_the_last_file_whatever_is_set_aside(
    folder: Path, batches: dict[str, dict[str, Any]]
) -> None:
    for size in (0, 20):
        test = load("cifar10", folder, size).test
        assert np.array_equal(test.pixels.reshape(7, 3072), batches["test_batch"]["data"])
        assert test.labels.tolist() == batches["test_batch"]["labels"]


@pytest.mark.parametrize("size", [N, N + 1, 10**9])
def test_a_validation_set_that_leaves_nothing_is_refused(folder: Path, size: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"validation_size {size} leaves nothing of the 35 training images"
    ):
        load("cifar10", folder, size)


def test_a_data_set_says_what_it_holds(folder: Path) -> None:
    dataset = load("cifar10", folder)
    assert (dataset.name, dataset.classes, dataset.image_shape) == ("cifar10", cifar10.CLASSES, (3, 32, 32))
    dataset = load("digits")
    assert (dataset.name, dataset.classes, dataset.image_shape) == ("digits", digits.CLASSES, (3, 32, 32))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no data set 'mnist'; there are cifar10 and digits"):
        load("mnist")


def test_the_prepared_images_cannot_be_changed_by_accident(folder: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        load("cifar10", folder).train.pixels[0] = 0


@pytest.fixture
def split(rng: np.random.Generator) -> Split:
    pixels = rng.integers(0, 256, (11, 3, 32, 32), dtype=np.uint8)
    return Split(pixels, rng.integers(0, 10, 11), exact_mean(pixels))


def centred(split: Split, which: Any) -> np.ndarray:
    return split.pixels[which].astype(np.float32) - split.mean


@pytest.mark.parametrize("which", [slice(2, 6), slice(9, 99), np.array([4, 0, 4, 10])])
def test_chosen_images_come_as_float32_without_the_mean(split: Split, which: Any) -> None:
    images = split.centred(which)
    assert images.dtype == np.float32
    assert np.array_equal(images, centred(split, which))


def test_images_are_written_where_the_caller_says(split: Split) -> None:
    out = np.full((3, 3, 32, 32), np.nan, np.float32)
    images = split.centred(np.array([7, 1, 2]), out=out)
    assert images is out
    assert np.array_equal(out, centred(split, [7, 1, 2]))


def test_asking_for_images_changes_nothing(split: Split) -> None:
    pixels, mean = split.pixels.copy(), split.mean.copy()
    first, second = split.centred(slice(0, 4)), split.centred(slice(0, 4))
    assert np.array_equal(first, second)
    assert not np.shares_memory(first, second)
    assert np.array_equal(split.pixels, pixels)
    assert np.array_equal(split.mean, mean)


@pytest.mark.parametrize(
    ("size", "lengths"), [(1, [1] * 11), (4, [4, 4, 3]), (10, [10, 1]), (11, [11]), (500, [11])]
)
def test_chunks_hold_every_image_in_order(split: Split, size: int, lengths: list[int]) -> None:
    chunks = [(images.copy(), labels) for images, labels in split.chunks(size)]
    assert [len(images) for images, _ in chunks] == [len(labels) for _, labels in chunks] == lengths
    assert all(images.dtype == np.float32 for images, _ in chunks)
    assert np.array_equal(np.concatenate([images for images, _ in chunks]), centred(split, slice(None)))
    assert np.array_equal(np.concatenate([labels for _, labels in chunks]), split.labels)


@pytest.mark.parametrize("of", [1, 2, 3, 7, 20])
def test_parts_hold_every_image_once(split: Split, of: int) -> None:
    parts = [split.part(number, of) for number in range(of)]
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), split.labels)
    np.testing.assert_array_equal(np.concatenate([part.pixels for part in parts]), split.pixels)
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1
