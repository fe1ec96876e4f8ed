"""GIF files of every kind are served as they are stored, or refused."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.models.images.options import ImageOptions
from tests.helpers import as_file, noise
from tests.image_kinds import KINDS
from tests.models.images.served_files import assert_not_misread, is_served_as_stored, served

HEIGHT, WIDTH = 24, 28
OPTIONS = ImageOptions(height=HEIGHT, width=WIDTH, background="#336699")


def gif(colours: int = 64, seed: int = 1, **options: Any) -> bytes:
    return as_file(Image.fromarray(noise(seed, HEIGHT, WIDTH)).quantize(colours), "GIF", **options)


def with_extension(data: bytes, label: int, *blocks: bytes) -> bytes:
    """A file with an extension in front of the first frame, behind any other."""
    at = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    content = b"".join(bytes([len(block)]) + block for block in blocks)
    return data[:at] + bytes([0x21, label]) + content + b"\0" + data[at:]


@pytest.mark.parametrize("transparency", [{}, {"transparency": 3}, {"transparency": 0}, {"transparency": 255}], ids=str)
@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("colours", [2, 17, 256])
def test_files_of_pillow_are_served_as_stored(colours: int, interlace: int, transparency: dict[str, int]) -> None:
    assert is_served_as_stored(gif(colours, interlace=interlace, **transparency), OPTIONS)


@pytest.mark.parametrize("kind", ["GIF", "GIF, transparent", "GIF, animated"])
def test_files_of_other_writers_are_served_as_stored(kind: str) -> None:
    assert is_served_as_stored(KINDS[kind]().data, ImageOptions(height=48, width=80, background="#336699"))


def test_what_is_transparent_shows_the_background_and_black_stays_black() -> None:
    index = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3
    image = Image.fromarray(index.astype(np.uint8), "P")
    # The transparent colour and another are black.
    image.putpalette([0, 0, 0, 0, 0, 0, 200, 100, 50])
    data = as_file(image, "GIF", transparency=1, optimize=False)
    assert is_served_as_stored(data, OPTIONS)
    assert np.array_equal(served(data, OPTIONS)[0, :3], [[0, 0, 0], [0x33, 0x66, 0x99], [200, 100, 50]])


def test_animations_with_a_transparent_colour_are_served_as_stored() -> None:
    frames = [Image.fromarray(noise(seed, HEIGHT, WIDTH)).quantize(32) for seed in range(4)]
    data = as_file(frames[0], "GIF", save_all=True, append_images=frames[1:], transparency=5, disposal=2)
    assert is_served_as_stored(data, OPTIONS)


def test_a_table_of_the_frame_counts_more_than_that_of_the_picture() -> None:
    data = gif(16, transparency=3)
    frame = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    table = data[13 : 13 + 48]
    wrong = bytes(reversed(table))
    own = data[:13] + wrong + data[13 + 48 : frame + 9] + b"\x83" + table + data[frame + 10 :]
    assert is_served_as_stored(own, OPTIONS)


@pytest.mark.parametrize("transparency", [{}, {"transparency": 3}], ids=["opaque", "transparent"])
def test_other_extensions_are_skipped(transparency: dict[str, int]) -> None:
    data = gif(**transparency)
    data = with_extension(data, 0xFE, b"words", b"\x21\xf9\x04\x01" * 60)
    data = with_extension(data, 0xFF, b"NETSCAPE2.0", b"\x01\0\0")
    assert is_served_as_stored(data, OPTIONS)


@pytest.mark.parametrize("transparency", [{}, {"transparency": 3}], ids=["opaque", "transparent"])
@pytest.mark.parametrize("place", [(2, 0), (0, 3), (0, 0)])
def test_a_frame_that_leaves_a_part_free_is_refused(place: tuple[int, int], transparency: dict[str, int]) -> None:
    data = gif(**transparency)
    frame = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    larger = struct.pack("<HH", WIDTH + 4, HEIGHT + 4)
    moved = data[:6] + larger + data[10 : frame + 1] + struct.pack("<HH", *place) + data[frame + 5 :]
    assert not is_served_as_stored(moved, OPTIONS)


def test_two_graphic_controls_are_refused() -> None:
    assert not is_served_as_stored(with_extension(gif(transparency=3), 0xF9, b"\x01\0\0\x05"), OPTIONS)


@pytest.mark.parametrize("transparency", [{}, {"transparency": 3}], ids=["opaque", "transparent"])
@pytest.mark.parametrize("share", [0.01, 0.02, 0.3, 0.6])
def test_truncated_files_are_refused(share: float, transparency: dict[str, int]) -> None:
    data = gif(**transparency)
    assert not is_served_as_stored(data[: int(share * len(data))], OPTIONS)


def test_blocks_without_end_are_refused_in_bounded_time() -> None:
    data = gif()
    frame = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    endless = data[:frame] + b"\x21\xfe\0" * 100_000 + data[frame:]
    assert not is_served_as_stored(endless, OPTIONS)


@settings(max_examples=100, deadline=None)
@given(transparent=st.sampled_from([{}, {"transparency": 3}]), place=st.integers(0, 90), value=st.integers(0, 255))
def test_a_file_with_another_byte_is_not_misread(transparent: dict[str, int], place: int, value: int) -> None:
    data = gif(16, **transparent)
    assert_not_misread(data[:place] + bytes([value]) + data[place + 1 :], OPTIONS)
