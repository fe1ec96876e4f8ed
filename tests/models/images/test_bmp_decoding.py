"""BMP files of every kind are served as they are stored, or refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.models.images.options import ImageOptions
from tests.helpers import as_file, noise
from tests.models.images.served_files import assert_not_misread, is_served_as_stored

HEIGHT, WIDTH = 12, 14
OPTIONS = ImageOptions(height=HEIGHT, width=WIDTH, background="#336699")
RANDOM = np.random.default_rng(0)
BGR = (0xFF0000, 0xFF00, 0xFF)


def bmp_file(bits: int, samples: np.ndarray, **changes: int) -> bytes:
    """A file of samples ``[h, bytes of a row]``, the lowest row first, with other values of its header.

    Args:
        changes: ``header`` (its size), ``compression``, ``colours``, ``sign`` of the height, and masks ``mask_0`` to
            ``mask_3``.
    """
    header, colours = changes.get("header", 40), changes.get("colours", 0)
    palette = np.random.default_rng(1).integers(0, 256, (colours or (1 << bits if bits <= 8 else 0), 4), np.uint8)
    masks = [changes[f"mask_{place}"] for place in range(4) if f"mask_{place}" in changes]
    fields = struct.pack(
        "<IiiHHIIiiII",
        header,
        WIDTH,
        HEIGHT * changes.get("sign", 1),
        1,
        bits,
        changes.get("compression", 0),
        0,
        0,
        0,
        colours,
        0,
    )
    rest = b"".join(struct.pack("<I", mask) for mask in masks)
    fields += rest.ljust(max(header - 40, len(rest)), b"\0") + palette.tobytes()
    rows = np.pad(samples, ((0, 0), (0, -samples.shape[1] % 4)))
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(fields)) + fields + rows.tobytes()


def samples(bits: int) -> np.ndarray:
    return np.random.default_rng(bits).integers(0, 256, (HEIGHT, -(-WIDTH * bits // 8)), np.uint8)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_files_of_pillow_are_served_as_stored(mode: str) -> None:
    image = Image.fromarray(noise(1, HEIGHT, WIDTH))
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    assert is_served_as_stored(as_file(image, "BMP"), OPTIONS)


def test_the_fourth_byte_is_no_alpha() -> None:
    transparent = Image.fromarray(noise(1, HEIGHT, WIDTH))
    transparent.putalpha(0)
    assert is_served_as_stored(as_file(transparent, "BMP"), OPTIONS)
    assert is_served_as_stored(bmp_file(32, samples(32)), OPTIONS)


@pytest.mark.parametrize("sign", [1, -1], ids=["bottom up", "top down"])
@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("bits", [8, 24, 32])
def test_headers_of_any_version_are_read(bits: int, header: int, sign: int) -> None:
    assert is_served_as_stored(bmp_file(bits, samples(bits), header=header, sign=sign), OPTIONS)


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("alpha", [0, 0xFF000000])
def test_masks_say_whether_there_is_alpha(header: int, alpha: int) -> None:
    masks = {f"mask_{place}": mask for place, mask in enumerate([*BGR, alpha])}
    assert is_served_as_stored(bmp_file(32, samples(32), header=header, compression=3, **masks), OPTIONS)


@pytest.mark.parametrize(
    "masks",
    [(0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF000000, 0xFF0000, 0xFF00, 0)],
)
def test_samples_in_another_order_are_refused(masks: tuple[int, ...]) -> None:
    named = {f"mask_{place}": mask for place, mask in enumerate(masks)}
    assert not is_served_as_stored(bmp_file(32, samples(32), header=124, compression=3, **named), OPTIONS)


@pytest.mark.parametrize("colours", [3, 20, 255, 256])
def test_palettes_of_any_length_are_read(colours: int) -> None:
    index = RANDOM.integers(0, colours, (HEIGHT, WIDTH)).astype(np.uint8)
    assert is_served_as_stored(bmp_file(8, index, colours=colours), OPTIONS)


def test_a_colour_that_the_palette_lacks_is_refused() -> None:
    assert not is_served_as_stored(bmp_file(8, np.full((HEIGHT, WIDTH), 30, np.uint8), colours=20), OPTIONS)


def test_a_palette_of_two_colours_is_refused() -> None:
    """Pillow takes the file for one of a bit for each pixel."""
    index = RANDOM.integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    assert not is_served_as_stored(bmp_file(8, index, colours=2), OPTIONS)


@pytest.mark.parametrize("bits", [1, 4, 16])
def test_other_depths_are_refused(bits: int) -> None:
    assert not is_served_as_stored(bmp_file(bits, samples(bits)), OPTIONS)


def test_compressed_files_are_refused() -> None:
    # Runs of fourteen pixels of a colour; then the end of the line, and of the picture.
    rows = np.array([[WIDTH, colour, 0, 0] for colour in range(HEIGHT)], np.uint8)
    assert not is_served_as_stored(bmp_file(8, rows, compression=1), OPTIONS)


def test_files_of_os2_are_refused() -> None:
    pixels = np.pad(samples(24), ((0, 0), (0, 2)))
    data = b"BM" + struct.pack("<IHHIIHHHH", 0, 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24) + pixels.tobytes()
    assert not is_served_as_stored(data, OPTIONS)


@pytest.mark.parametrize("kind", ["P", "RGB", "RGBA"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.9])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    image = Image.fromarray(noise(1, HEIGHT, WIDTH))
    data = as_file(image.quantize(64) if kind == "P" else image.convert(kind), "BMP")
    assert not is_served_as_stored(data[: int(share * len(data))], OPTIONS)


@settings(max_examples=100, deadline=None)
@given(
    bits=st.sampled_from([8, 24, 32]),
    header=st.sampled_from([40, 124]),
    place=st.integers(0, 90),
    value=st.integers(0, 255),
)
def test_a_header_with_another_byte_is_not_misread(bits: int, header: int, place: int, value: int) -> None:
    data = bmp_file(bits, samples(bits), header=header)
    assert_not_misread(data[:place] + bytes([value]) + data[place + 1 :], OPTIONS)
