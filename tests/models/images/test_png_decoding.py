"""PNG files of few bits and with much metadata are served as they are stored."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from diptych.models.images.options import ImageOptions
from tests.helpers import as_file, noise
from tests.image_kinds import HEIGHT, WIDTH, by_pypng, png_chunk
from tests.models.images.served_files import is_served_as_stored

OPTIONS = ImageOptions(height=HEIGHT, width=WIDTH, background="#336699")


def grey_png(bits: int, transparent: int | None = None) -> bytes:
    """A file of grey levels of few bits, with a transparent level."""
    levels = np.random.default_rng(bits).integers(0, 1 << bits, (HEIGHT, WIDTH))
    return by_pypng(levels, greyscale=True, bitdepth=bits, transparent=transparent)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_levels_of_few_bits_are_served_as_stored(bits: int) -> None:
    for transparent in (None, 0, 1, (1 << bits) - 1):
        assert is_served_as_stored(grey_png(bits, transparent), OPTIONS)


def test_chunks_before_the_transparent_level_are_skipped() -> None:
    data = grey_png(4, 3)
    for number in range(50):
        data = data[:33] + png_chunk(b"tEXt", b"Comment\0tRNS and IDAT %d" % number) + data[33:]
    assert is_served_as_stored(data, OPTIONS)


@pytest.mark.parametrize("length", [0xFFFFFFF4, 0x7FFFFFFF])
def test_a_chunk_of_a_false_length_is_refused_in_bounded_time(length: int) -> None:
    data = grey_png(4)
    chunk = struct.pack(">I", length) + b"tEXt" + bytes(4)
    assert not is_served_as_stored(data[:33] + chunk + data[33:], OPTIONS)


def test_large_texts_change_nothing() -> None:
    info = PngInfo()
    info.add_text("Comment", "A word of many. " * 200_000, zip=True)
    info.add_itxt("Remark", "A word of many. " * 200_000, zip=True)
    data = as_file(Image.fromarray(noise(1, HEIGHT, WIDTH)), "PNG", pnginfo=info)
    assert is_served_as_stored(data, OPTIONS)
