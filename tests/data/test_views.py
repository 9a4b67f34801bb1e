"""Mirrored and shifted copies of a batch."""

import numpy as np
import pytest

from backproof.arrays import Images
from backproof.data.views import views
from backproof.errors import ConfigError


@pytest.fixture
def images(rng: np.random.Generator) -> Images:
    return rng.normal(size=(3, 3, 5, 6)).astype(np.float32)


def moved(images: Images, down: int, right: int) -> Images:
    """The images shown so many pixels lower and further right."""
    result = np.zeros_like(images)
    for y in range(5):
        for x in range(6):
            if 0 <= y - down < 5 and 0 <= x - right < 6:
                result[:, :, y, x] = images[:, :, y - down, x - right]
    return result


@pytest.mark.parametrize(
    ("how_many", "shifts"),
    [
        (2, [(0, 0)]),
        (6, [(0, 0), (-1, -1), (1, 1)]),
        (18, [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]),
    ],
)
def test_every_shift_comes_once_plain_and_once_mirrored(
    images: Images, how_many: int, shifts: list[tuple[int, int]]
) -> None:
    expected = {
        view.tobytes()
        for shift in shifts
        for view in (moved(images, *shift), moved(images, *shift)[..., ::-1])
    }
    got = [view.tobytes() for view in views(images, how_many)]
    assert len(got) == how_many
    assert set(got) == expected


@pytest.mark.parametrize("how_many", [1, 2, 6, 18])
def test_the_first_view_is_the_batch_itself_and_stays(images: Images, how_many: int) -> None:
    before = images.copy()
    first, *others = views(images, how_many)
    assert first is images
    assert np.array_equal(images, before)
    assert all(view.flags.c_contiguous and view.dtype == np.float32 for view in others)


def test_one_view_is_the_batch_alone(images: Images) -> None:
    assert len(list(views(images, 1))) == 1


@pytest.mark.parametrize("how_many", [0, 3, 9, -2])
def test_another_number_is_refused_at_once(images: Images, how_many: int) -> None:
    with pytest.raises(ConfigError, match=f"views must be one of 1, 2, 6, 18, not {how_many}"):
        views(images, how_many)
