"""Each transform of a batch beside the same thing done slowly, pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.arrays import Images
from backproof.data import transforms

SEEDS = st.integers(0, 1 << 30)
quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def noise(seed: int, *shape: int) -> Images:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def pixel(image: Images, y: int, x: int) -> Images:
    """The pixel's channels, zeros outside the image."""
    inside = 0 <= y < image.shape[1] and 0 <= x < image.shape[2]
    return image[:, y, x] if inside else np.zeros(len(image), np.float32)


def interpolated(image: Images, y: float, x: float) -> Images:
    """The four pixels about a place, weighted by their nearness."""
    top, left = math.floor(y), math.floor(x)
    down, right = y - top, x - left
    return (
        (1 - down) * (1 - right) * pixel(image, top, left)
        + (1 - down) * right * pixel(image, top, left + 1)
        + down * (1 - right) * pixel(image, top + 1, left)
        + down * right * pixel(image, top + 1, left + 1)
    )


@given(SEEDS, st.integers(1, 9), st.integers(1, 9), st.integers(0, 10))
@quick
def test_shift_beside_pixel_by_pixel(seed: int, height: int, width: int, furthest: int) -> None:
    rng = np.random.default_rng(seed)
    images = noise(seed, 4, 3, height, width)
    shifts, mirrored = rng.integers(-furthest, furthest + 1, (4, 2)), rng.integers(0, 2, 4, dtype=bool)
    expected = np.zeros_like(images)
    for number, (down, right) in enumerate(shifts):
        for y in range(height):
            for x in range(width):
                column = width - 1 - x if mirrored[number] else x
                expected[number, :, y, x] = pixel(images[number], y + down, column + right)
    transforms.shift(images, shifts, mirrored)
    assert np.array_equal(images, expected)


@given(SEEDS, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]))
@quick
def test_warp_beside_pixel_by_pixel(seed: int, height: int, width: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    images = noise(seed, 3, channels, height, width)
    shifts, mirrored = rng.integers(-2, 3, (3, 2)), rng.integers(0, 2, 3, dtype=bool)
    maps = np.eye(2) + rng.normal(size=(3, 2, 2)) / 3
    expected = np.zeros_like(images)
    middle = np.array([width - 1, height - 1]) / 2
    for number in range(3):
        for y in range(height):
            for x in range(width):
                place = np.array([x, y]) - middle
                if mirrored[number]:
                    place[0] *= -1
                column, row = maps[number] @ place + middle + shifts[number, ::-1]
                expected[number, :, y, x] = interpolated(images[number], row, column)
    transforms.warp(images, maps, shifts, mirrored)
    np.testing.assert_allclose(images, expected, atol=1e-4)


def warped(images: Images, *, turn: float = 0.0, scale: float = 1.0, shear: float = 0.0) -> Images:
    """The images under one map, angles in degrees."""
    result = images.copy()
    each = np.ones(len(images))
    maps = transforms.affine_maps(np.radians(turn) * each, scale * each, np.radians(shear) * each)
    transforms.warp(result, maps, np.zeros((len(images), 2), np.int64), np.zeros(len(images), bool))
    return result


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns_move_whole_pixels(quarters: int) -> None:
    images = noise(0, 2, 3, 8, 8)
    expected = np.rot90(images, quarters, axes=(2, 3))
    np.testing.assert_allclose(warped(images, turn=90 * quarters), expected, atol=1e-5)


def test_what_is_round_stays_as_it_is_at_every_angle() -> None:
    y, x = np.mgrid[:33, :33] - 16
    disc = np.exp(-(x**2 + y**2) / 50).astype(np.float32)[None, None]
    for turn in (7, 30, 45, 111):
        assert np.abs(warped(disc, turn=turn) - disc).max() < 0.01
    oblong = np.exp(-(x**2 + 4 * y**2) / 50).astype(np.float32)[None, None]
    assert np.abs(warped(oblong, turn=30) - oblong).max() > 0.1


def test_scaling_enlarges_about_the_centre() -> None:
    y, x = np.mgrid[:33, :33] - 16
    images = np.stack([x, y, x]).astype(np.float32)[None]
    np.testing.assert_allclose(warped(images, scale=1.25), images / 1.25, atol=1e-5)
    smaller = warped(images, scale=0.5)[:, :, 9:24, 9:24]
    np.testing.assert_allclose(smaller, images[:, :, 9:24, 9:24] * 2, atol=1e-5)


def test_shearing_moves_rows_and_leaves_their_height() -> None:
    y, x = np.mgrid[:33, :33] - 16
    images = np.stack([x, y, x]).astype(np.float32)[None]
    sheared = warped(images, shear=math.degrees(math.atan(0.25)))[0, :, :, 8:24]
    np.testing.assert_allclose(sheared[0], (x + 0.25 * y)[:, 8:24], atol=1e-5)
    np.testing.assert_allclose(sheared[1], y[:, 8:24], atol=1e-5)


def test_outside_the_image_all_is_zero() -> None:
    ones = np.ones((1, 3, 8, 8), np.float32)
    small = warped(ones, scale=0.5)
    assert (small[:, :, [0, -1]] == 0).all()
    assert (small[:, :, 3:5, 3:5] == 1).all()


@given(SEEDS, st.integers(1, 12), st.integers(1, 12), st.data())
@quick
def test_downscaling_beside_the_mean_of_finer_pixels(
    seed: int, height: int, width: int, data: st.DataObject
) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    images = noise(seed, 2, 3, height, width)
    # Cut every pixel into rows × columns, and each larger one is a whole number of these.
    fine = images.repeat(rows, axis=2).repeat(columns, axis=3)
    expected = fine.reshape(2, 3, rows, height, columns, width).mean(axis=(3, 5), dtype=np.float64)
    out = np.empty((2, 3, rows, columns), np.float32)
    transforms.downscale(images, out)
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_an_image_of_one_value_keeps_it_at_any_size() -> None:
    for size in range(1, 33):
        out = np.empty((1, 3, size, size), np.float32)
        transforms.downscale(np.full((1, 3, 32, 32), 7, np.float32), out)
        np.testing.assert_allclose(out, 7, rtol=1e-6)


@given(SEEDS, st.integers(1, 9), st.integers(1, 9), st.integers(1, 12))
@quick
def test_cutout_beside_pixel_by_pixel(seed: int, height: int, width: int, side: int) -> None:
    images = 1 + np.abs(noise(seed, 4, 3, height, width))
    centres = np.random.default_rng(seed).random((4, 2))
    expected = images.copy()
    for number, (down, right) in enumerate(centres):
        top, left = math.floor(down * height) - side // 2, math.floor(right * width) - side // 2
        for y in range(height):
            for x in range(width):
                if top <= y < top + side and left <= x < left + side:
                    expected[number, :, y, x] = 0
    transforms.cut_out(images, centres, side)
    assert np.array_equal(images, expected)
    assert (images == 0).any(axis=(1, 2, 3)).all()
