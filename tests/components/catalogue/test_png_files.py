"""PNG files with large texts and colour profiles are read, in bounded memory and time."""

from __future__ import annotations

import io
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from diptych.components.catalogue import png_files
from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.models.images.options import ImageOptions
from tests.helpers import as_file, noise
from tests.image_kinds import HEIGHT, WIDTH, by_pypng, exif, swapped_profile, turned, with_chunk

OPTIONS = ImageOptions(height=12, width=14)
LONG = "A word of many. " * 200_000


def read(data: bytes) -> np.ndarray:
    return decode_image(data, OPTIONS, Limits()).pixels


def large_profile() -> bytes:
    """A profile that exchanges red and blue, with a tag of two megabytes that nobody knows."""
    profile = swapped_profile()
    count = int.from_bytes(profile[128:132], "big")
    start = len(profile) + 12
    content = np.random.default_rng(0).integers(0, 256, 2_000_000, np.uint8).tobytes()
    tags = [bytearray(profile[132 + 12 * number : 144 + 12 * number]) for number in range(count)]
    for tag in tags:
        tag[4:8] = (int.from_bytes(tag[4:8], "big") + 12).to_bytes(4, "big")
    tags.append(bytearray(b"what" + start.to_bytes(4, "big") + len(content).to_bytes(4, "big")))
    rest = profile[132 + 12 * count :]
    size = (start + len(content)).to_bytes(4, "big")
    return size + profile[4:128] + (count + 1).to_bytes(4, "big") + b"".join(tags) + rest + content


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("international", [False, True], ids=["latin", "unicode"])
@pytest.mark.parametrize("texts", [1, 30])
def test_large_texts_take_nothing_from_the_pixels(texts: int, international: bool, compressed: bool) -> None:
    info = PngInfo()
    for number in range(texts):
        add = info.add_itxt if international else info.add_text
        add(f"Comment {number}", LONG, zip=compressed)
    assert np.array_equal(read(as_file(Image.fromarray(noise(1)), "PNG", pnginfo=info)), noise(1))


def test_a_large_text_behind_the_pixels_takes_nothing_from_them() -> None:
    data = as_file(noise(1))
    text = b"Comment\0\0" + zlib.compress(LONG.encode())
    assert np.array_equal(read(with_chunk(data, b"IEND", b"zTXt", text)), noise(1))


@pytest.mark.parametrize("profile", [swapped_profile(), large_profile()], ids=["small", "large"])
@pytest.mark.parametrize("text", ["", LONG], ids=["no text", "large text"])
def test_a_colour_profile_is_applied_however_large_it_is(profile: bytes, text: str) -> None:
    assert ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == "RGB"
    info = PngInfo()
    info.add_text("Comment", text, zip=True)
    data = as_file(Image.fromarray(noise(1)), "PNG", icc_profile=profile, pnginfo=info)
    assert np.abs(read(data).astype(int) - noise(1)[..., ::-1]).max() <= 2


def test_a_profile_larger_than_any_printers_is_ignored() -> None:
    data = with_chunk(as_file(noise(1)), b"IDAT", b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000)))
    assert np.array_equal(read(data), noise(1))


def test_the_orientation_is_found_in_a_large_text() -> None:
    image = Image.fromarray(turned(noise(1), 6))
    editing = "<photoshop:History>" + LONG + "</photoshop:History>"
    xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="6"/>{editing}</x:xmpmeta>'
    hexadecimal = (b"Exif\0\0" + exif(6) + bytes(2_000_000)).hex()
    lines = "\n".join(hexadecimal[start : start + 72] for start in range(0, len(hexadecimal), 72))
    raw = f"\nexif\n{len(hexadecimal) // 2}\n{lines}\n"
    for keyword, text in (("XML:com.adobe.xmp", xmp), ("Raw profile type exif", raw)):
        for zip_ in (False, True):
            info = PngInfo()
            info.add_itxt(keyword, text, zip=zip_) if keyword.startswith("XML") else info.add_text(keyword, text, zip_)
            info.add_text("Comment", LONG, zip=True)
            assert np.array_equal(read(as_file(image, "PNG", pnginfo=info)), noise(1))


def test_equal_pixels_with_and_without_a_large_text_are_one_picture() -> None:
    info = PngInfo()
    info.add_text("Comment", LONG, zip=True)
    files = as_file(Image.fromarray(noise(1)), "PNG", pnginfo=info), as_file(noise(1))
    assert len({decode_image(data, OPTIONS, Limits()).sha256 for data in files}) == 1


def test_a_truncated_file_with_a_large_text_stays_truncated() -> None:
    info = PngInfo()
    info.add_text("Comment", LONG, zip=True)
    data = as_file(Image.fromarray(noise(1, 64, 64)), "PNG", pnginfo=info)
    for cut in (200, 5000):
        with pytest.raises(ImageError) as caught:
            read(data[:-cut])
        assert caught.value.reason in ("truncated", "corrupt")


@pytest.mark.parametrize("keyword", [b"Comment", b"XML:com.adobe.xmp", b"Raw profile type exif"])
@pytest.mark.parametrize("count", [1, 30])
def test_a_bomb_is_not_unpacked(keyword: bytes, count: int) -> None:
    bomb = zlib.compress(bytes(50_000_000))
    chunks = [
        (b"zTXt", keyword + b"\0\0" + bomb),
        (b"iTXt", keyword + b"\0\x01\0\0\0" + bomb),
        (b"iCCP", b"a\0\0" + bomb),
    ]
    data = as_file(noise(1))
    for name, content in chunks * count:
        data = with_chunk(data, b"IDAT", name, content)
    tracemalloc.start()
    without = png_files.without_metadata(data)
    assert png_files.read_profile(data) is None
    assert np.array_equal(read(data), noise(1))
    assert tracemalloc.get_traced_memory()[1] < 20e6 + 3e6 * count
    tracemalloc.stop()
    assert len(without) < 1000 + 3e6 * count


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_transparent_level_of_a_grey_file_has_the_bits_of_its_samples(bits: int) -> None:
    largest = (1 << bits) - 1
    levels = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % (largest + 1)
    data = by_pypng(levels, greyscale=True, bitdepth=bits, transparent=1)
    options = ImageOptions(height=HEIGHT, width=WIDTH, background="#ff0000")
    found = decode_image(data, options, Limits()).pixels
    assert np.array_equal((found == [255, 0, 0]).all(axis=-1), levels == 1)
    assert np.array_equal(found[levels != 1][:, 0], levels[levels != 1] * 255 // largest)
