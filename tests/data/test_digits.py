"""The digits that need no network: always the same images, split the same way."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from backproof.data import digits, load

TRAINING_IMAGES = [142, 146, 142, 146, 145, 145, 145, 143, 139, 144]
TEST_IMAGES = [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]


def test_the_split_keeps_the_classes_in_proportion() -> None:
    dataset = load("digits")
    assert np.bincount(dataset.train.labels).tolist() == TRAINING_IMAGES
    assert np.bincount(dataset.test.labels).tolist() == TEST_IMAGES
    assert (len(dataset.train), len(dataset.test)) == (1437, 360)


def test_two_preparations_agree_byte_for_byte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "other"):
        monkeypatch.setenv("BACKPROOF_CACHE", str(tmp_path / name))
        contents.append({file.name: file.read_bytes() for file in digits.prepare().iterdir()})
    assert len(contents[0]) == 5
    assert contents[0] == contents[1]


def test_images_have_the_shape_of_cifar10s() -> None:
    dataset = load("digits")
    assert dataset.train.pixels.shape == (1437, 3, 32, 32)
    assert dataset.test.pixels.shape == (360, 3, 32, 32)
    assert dataset.train.pixels.dtype == np.uint8


def test_channels_are_equal_and_every_point_is_a_block_of_4_by_4_pixels() -> None:
    dataset = load("digits")
    for pixels in (dataset.train.pixels, dataset.test.pixels):
        blocks = pixels.reshape(-1, 3, 8, 4, 8, 4)
        assert np.array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1, :, :1], blocks.shape))


def test_every_digit_is_there_once_with_its_label_and_full_range_of_grey() -> None:
    dataset = load("digits")
    points = np.concatenate([dataset.train.pixels, dataset.test.pixels])[:, 0, ::4, ::4].reshape(-1, 64)
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    source = load_digits()
    expected = np.rint(source.data * 255 / 16)

    def rows(images: np.ndarray, classes: np.ndarray) -> list[tuple[int, ...]]:
        return sorted(map(tuple, np.column_stack([classes, images]).astype(int).tolist()))

    assert rows(points, labels) == rows(expected, source.target)
    assert (points.min(), points.max()) == (0, 255)
