"""Image files of every kind, whole and broken, and what is measured of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.example_gen.images import ImageError, Picture, decode, encode, measure
from models import features
from models.images import ImageOptions
from tests.helpers import as_file, noise

OWN_SIZE = ImageOptions(height=12, width=14)


def picture_of(pixels: np.ndarray) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(pixels, "", width, height, "PNG")


def png_header(width: int, height: int) -> bytes:
    """A PNG file that ends where its pixels would begin."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 99) + b"IDAT"


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_files_keep_their_pixels(kind: str) -> None:
    picture = decode(as_file(noise(1), kind), OWN_SIZE)
    assert np.array_equal(picture.pixels, noise(1))
    assert (picture.width, picture.height, picture.format) == (14, 12, kind)


def test_original_size_is_told_and_stored_size_is_made() -> None:
    picture = decode(as_file(noise(2, 30, 50)), ImageOptions(height=8, width=9))
    assert picture.pixels.shape == (8, 9, 3)
    assert (picture.width, picture.height) == (50, 30)


def test_equal_pixels_in_other_files_have_equal_hashes() -> None:
    pixels = noise(3)
    hashes = {decode(as_file(pixels, kind), OWN_SIZE).sha256 for kind in ("PNG", "BMP", "TIFF")}
    assert len(hashes) == 1
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert decode(as_file(changed), OWN_SIZE).sha256 not in hashes


def test_the_hash_is_of_the_full_size_and_knows_its_shape() -> None:
    options = ImageOptions(height=8, width=8)
    flat = [np.full(shape, 7, np.uint8) for shape in ((10, 20, 3), (20, 10, 3), (20, 20, 3))]
    assert len({decode(as_file(pixels), options).sha256 for pixels in flat}) == 3


def test_sixteen_bits_keep_their_high_byte() -> None:
    deep = np.arange(12 * 14, dtype=np.uint16).reshape(12, 14) * 390
    stored = decode(as_file(Image.fromarray(deep)), OWN_SIZE).pixels
    assert np.array_equal(stored, np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    cmyk = Image.new("CMYK", (14, 12), (0, 255, 255, 0))
    red = decode(as_file(cmyk, kind), OWN_SIZE).pixels.reshape(-1, 3).mean(axis=0)
    assert np.abs(red - [255, 0, 0]).max() < 4


def test_the_first_frame_stands_for_an_animation() -> None:
    frames = [Image.new("RGB", (14, 12), colour) for colour in ("red", "blue")]
    data = as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data, OWN_SIZE).pixels[0, 0].tolist() == [255, 0, 0]


def test_transparent_palette_shows_the_background() -> None:
    image = Image.new("P", (14, 12), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (0, 0, 7, 12))
    pixels = decode(
        as_file(image, "PNG", transparency=0), ImageOptions(height=12, width=14, background="#0000ff")
    ).pixels
    assert pixels[0, 0].tolist() == [200, 100, 50]
    assert pixels[0, 13].tolist() == [0, 0, 255]


@settings(max_examples=30, deadline=None)
@given(colour=st.integers(0, 255), alpha=st.integers(0, 255), background=st.integers(0, 255))
def test_alpha_blends_to_the_nearest_level(colour: int, alpha: int, background: int) -> None:
    image = Image.new("RGBA", (8, 8), (colour, 0, 255, alpha))
    options = ImageOptions(height=8, width=8, background=f"#{background:02x}{background:02x}{background:02x}")
    red = int(decode(as_file(image), options).pixels[0, 0, 0])
    assert abs(red - (colour * alpha + background * (255 - alpha)) / 255) <= 0.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = as_file(noise(4), "TIFF", exif=exif)
    picture = decode(data, OWN_SIZE)
    upright = (picture.width, picture.height)
    assert upright == ((14, 12) if orientation < 5 else (12, 14))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_an_error(kind: str, share: float) -> None:
    data = as_file(noise(5, 64, 64), kind)
    with pytest.raises(ImageError):
        decode(data[: int(len(data) * share)], OWN_SIZE)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"not an image", "not an image in a format Pillow knows"),
        (b"\0" * 1000, "not an image in a format Pillow knows"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image in a format Pillow knows"),
        (png_header(30_000, 30_000), "exceeds limit"),
    ],
)
def test_what_is_no_image_is_told(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode(data, OWN_SIZE)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]), place=st.floats(0, 1), junk=st.binary(max_size=9))
def test_damaged_files_decode_or_raise_an_image_error(kind: str, place: float, junk: bytes) -> None:
    data = as_file(noise(6), kind)
    start = int(place * len(data))
    try:
        assert decode(data[:start] + junk + data[start + len(junk) :], OWN_SIZE).pixels.shape == (12, 14, 3)
    except ImageError as error:
        assert str(error)


@pytest.mark.parametrize("encoding", ["raw", "png", "jpeg"])
def test_stored_bytes_are_the_same_each_time(encoding: str) -> None:
    options = ImageOptions(height=12, width=14, encoding=encoding)
    assert encode(noise(7), options) == encode(noise(7), options)
    assert encode(noise(7), options) != encode(noise(8), options)


def test_measures_of_a_plain_picture() -> None:
    figures = measure(picture_of(np.full((16, 16, 3), 100, np.uint8)))
    assert figures[features.BRIGHTNESS] == pytest.approx(100)
    for name in (features.CONTRAST, features.SHARPNESS, features.ENTROPY):
        assert figures[name] == pytest.approx(0, abs=1e-9)


def test_measures_of_a_chequered_picture() -> None:
    board = np.indices((16, 16)).sum(axis=0) % 2 * 255
    figures = measure(picture_of(np.repeat(board[..., None], 3, axis=2).astype(np.uint8)))
    assert figures[features.BRIGHTNESS] == pytest.approx(127.5)
    assert figures[features.CONTRAST] == pytest.approx(127.5)
    # Each pixel differs from its four neighbours by 255: the Laplacian is 1020 or -1020.
    assert figures[features.SHARPNESS] == pytest.approx(1020**2)
    assert figures[features.ENTROPY] == pytest.approx(1)


def test_perceptual_hash_bears_a_new_size_and_tells_pictures_apart() -> None:
    def bits(pixels: np.ndarray) -> int:
        return int(measure(picture_of(pixels))[features.PHASH]) & (2**64 - 1)

    def smooth(seed: int, side: int) -> np.ndarray:
        return np.asarray(Image.fromarray(noise(seed, 6, 6)).resize((side, side), Image.Resampling.BICUBIC))

    assert (bits(smooth(1, 64)) ^ bits(smooth(1, 96))).bit_count() <= 4
    assert (bits(smooth(1, 64)) ^ bits(smooth(2, 64))).bit_count() >= 16


def test_measures_fit_the_record(tmp_path: Path) -> None:
    figures = measure(decode(as_file(noise(9)), OWN_SIZE))
    assert set(figures) <= set(features.RECORD)
    assert -(2**63) <= int(figures[features.PHASH]) < 2**63
