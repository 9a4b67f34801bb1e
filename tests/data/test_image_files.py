"""Any picture becomes a network's input, or is refused in one line."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from backproof.data.image_files import read_image
from backproof.errors import DataError

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path, 3, 32, 32)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def read_or_refused(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = read_image(path, 3, 8, 8)
        except DataError:
            refusal(path)
        else:
            assert image.shape == (3, 8, 8)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def colour_at(image: np.ndarray, row: int, column: int) -> tuple[int, ...]:
    return tuple(image[:, row, column].tolist())


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def test_a_png_of_the_right_size_keeps_every_pixel(rng: np.random.Generator) -> None:
    pixels = noise(rng, 32, 24, 3)
    Image.fromarray(pixels).save("a.png")
    image = read_image(Path("a.png"), 3, 32, 24)
    assert image.dtype == np.uint8
    assert np.array_equal(image, pixels.transpose(2, 0, 1))


def test_grey_becomes_three_equal_channels(rng: np.random.Generator) -> None:
    pixels = noise(rng, 32, 32)
    Image.fromarray(pixels).save("a.png")
    assert np.array_equal(read_image(Path("a.png"), 3, 32, 32), [pixels] * 3)


def test_one_channel_is_the_grey_of_a_picture(rng: np.random.Generator) -> None:
    pixels = noise(rng, 28, 28)
    Image.fromarray(pixels).save("a.png")
    assert np.array_equal(read_image(Path("a.png"), 1, 28, 28), [pixels])
    Image.new("RGB", (50, 40), GREEN).save("b.png")
    image = read_image(Path("b.png"), 1, 28, 20)
    assert image.shape == (1, 28, 20)
    assert np.abs(image - 0.587 * 255.0).max() <= 1  # luma as in ITU-R 601


def test_two_channels_are_refused() -> None:
    Image.new("L", (8, 8)).save("a.png")
    with pytest.raises(DataError, match="takes images of 2 channels, and a file's have 1 or 3"):
        read_image(Path("a.png"), 2, 8, 8)


def test_grey_of_16_bits_keeps_its_shades() -> None:
    shades = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
    Image.fromarray(shades).save("a.png")
    image = read_image(Path("a.png"), 3, 32, 32)
    assert np.abs(image - shades / 257).max() <= 1


def test_black_and_white_is_read() -> None:
    picture = Image.new("1", (32, 32))
    picture.paste(1, (16, 0, 32, 32))
    picture.save("a.png")
    image = read_image(Path("a.png"), 3, 32, 32)
    assert (image[:, :, :16] == 0).all()
    assert (image[:, :, 16:] == 255).all()


def test_a_palette_is_looked_up(rng: np.random.Generator) -> None:
    colours, chosen = noise(rng, 256, 3), noise(rng, 32, 32)
    picture = Image.frombytes("P", (32, 32), chosen.tobytes())
    picture.putpalette(colours.tobytes())
    picture.save("a.png")
    assert np.array_equal(read_image(Path("a.png"), 3, 32, 32), colours[chosen].transpose(2, 0, 1))


def test_a_transparent_palette_entry_becomes_white() -> None:
    picture = Image.new("P", (32, 32), 1)
    picture.putpalette([*RED, *GREEN])
    picture.paste(0, (0, 0, 16, 32))
    picture.save("a.png", transparency=0)
    image = read_image(Path("a.png"), 3, 32, 32)
    assert colour_at(image, 5, 5) == WHITE
    assert colour_at(image, 5, 25) == GREEN


@pytest.mark.parametrize(("alpha", "expected"), [(0, WHITE), (255, RED), (51, (255, 204, 204))])
def test_transparency_shows_white_behind(alpha: int, expected: tuple[int, ...]) -> None:
    Image.new("RGBA", (32, 32), (*RED, alpha)).save("a.png")
    assert colour_at(read_image(Path("a.png"), 3, 32, 32), 16, 16) == expected


def test_the_colour_hidden_in_transparent_parts_does_not_bleed_into_edges() -> None:
    picture = Image.new("RGBA", (320, 320), (*BLACK, 0))
    picture.paste((*WHITE, 255), (100, 0, 320, 320))
    picture.save("a.png")
    assert (read_image(Path("a.png"), 3, 32, 32) == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_read(mode: str) -> None:
    picture = Image.new("RGB", (100, 100), (200, 200, 200))
    picture.convert(mode).save("a.jpg", quality=95)
    image = read_image(Path("a.jpg"), 3, 32, 32)
    assert image.shape == (3, 32, 32)
    assert np.abs(image.astype(int) - 200).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(90, 30), (30, 90)])
def test_a_picture_that_is_not_square_is_cut_to_its_middle(width: int, height: int) -> None:
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2 - 15, height // 2 - 15, width // 2 + 15, height // 2 + 15))
    picture.save("a.png")
    image = read_image(Path("a.png"), 3, 32, 32)
    assert image.shape == (3, 32, 32)
    inside = image[:, 4:-4, 4:-4].astype(int)
    assert np.abs(inside - np.array(GREEN)[:, None, None]).max() <= 3


def test_the_input_may_be_wider_than_high() -> None:
    Image.new("RGB", (50, 50), BLUE).save("a.png")
    assert read_image(Path("a.png"), 3, 16, 48).shape == (3, 16, 48)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_a_tiny_or_thin_picture_is_scaled_up(size: tuple[int, int]) -> None:
    Image.new("RGB", size, BLUE).save("a.png")
    image = read_image(Path("a.png"), 3, 32, 32)
    assert image.shape == (3, 32, 32)
    assert colour_at(image, 16, 16) == BLUE


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(
    ("orientation", "red_half"), [(1, "top"), (3, "bottom"), (6, "right"), (8, "left"), (4, "bottom")]
)
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_turned_photograph_is_set_upright(kind: str, orientation: int, red_half: str) -> None:
    picture = Image.new("RGB", (64, 64), BLUE)
    picture.paste(RED, (0, 0, 64, 32))
    picture.save("a", kind, exif=with_orientation(orientation))
    image = read_image(Path("a"), 3, 32, 32)
    places = {"top": (4, 16), "bottom": (27, 16), "left": (16, 4), "right": (16, 27)}
    halves = {half for half, place in places.items() if image[0][place] > 200}
    assert red_half in halves
    assert {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}[red_half] not in halves


def test_a_photograph_whose_other_notes_are_nonsense_is_read_or_refused() -> None:
    exif = with_orientation(6)
    exif[0x010F] = "maker"
    bits_per_sample_as_text = exif.tobytes().replace(b"\x01\x0f", b"\x01\x02")
    Image.new("RGB", (64, 64), BLUE).save("a.jpg", exif=bits_per_sample_as_text)
    read_or_refused(Path("a.jpg"))


def test_something_else_than_an_image_is_refused() -> None:
    Path("a.png").write_text("no picture")
    assert "not an image" in refusal(Path("a.png"))


def test_an_empty_file_is_refused() -> None:
    Path("a.png").touch()
    refusal(Path("a.png"))


def test_a_missing_file_is_refused() -> None:
    assert "No such file" in refusal(Path("nowhere.png"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is not a file" in refusal(tmp_path)


def test_a_picture_of_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save("a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "too large" in refusal(Path("a.png"))


KINDS = ["PNG", "JPEG", "GIF", "BMP", "TIFF", *(k for k in ("WEBP", "AVIF") if features.check(k.lower()))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_refused(rng: np.random.Generator, kind: str) -> None:
    whole = encoded(Image.fromarray(noise(rng, 40, 40, 3)), kind)
    for length in range(0, len(whole) * 3 // 4, 37):
        Path("a").write_bytes(whole[:length])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refusal(Path("a"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_picture_is_read_or_refused(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, kind: str
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    exif = {} if kind in ("GIF", "BMP") else {"exif": with_orientation(6)}
    whole = encoded(Image.fromarray(noise(rng, 8, 8, 3)), kind, **exif)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 400), 2):
            damaged[place] = rng.integers(256)
        Path("a").write_bytes(damaged)
        read_or_refused(Path("a"))


def test_what_is_not_a_file_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "is not a file" in refusal(tmp_path / "pipe.png")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)).save(tmp_path / "f.tiff")
    assert "floating-point" in refusal(tmp_path / "f.tiff")


def test_a_picture_beyond_all_sizes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for side in (40, 60):  # past the limit, past twice the limit
        Image.new("L", (side, side)).save(tmp_path / "big.png")
        assert "too large for a picture" in refusal(tmp_path / "big.png")
