"""What identifies a picture does not depend on how it is stored, and finds it again in another file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_images

from diptych.components.catalogue.image_files import DecodedImage, decode_image, reference_hash
from diptych.components.catalogue.options import Limits
from diptych.models.images.options import ImageOptions
from tests import image_kinds
from tests.helpers import as_file, noise
from tests.image_kinds import KINDS

LIMITS = Limits()
OPTIONS = ImageOptions(height=12, width=14)
WAYS_TO_STORE = [
    ImageOptions(height=32, width=32),
    ImageOptions(height=64, width=64, aspect="pad", background="#000000"),
    ImageOptions(height=96, width=96, aspect="crop", filter="lanczos"),
    ImageOptions(height=128, width=128, encoding="jpeg", filter="bilinear", background="#336699"),
    ImageOptions(height=20, width=300, encoding="png", filter="bicubic"),
]


def decoded(data: bytes, options: ImageOptions = OPTIONS) -> DecodedImage:
    return decode_image(data, options, LIMITS)


def identity(data: bytes) -> str:
    return decoded(data).sha256


def photographs() -> Iterator[np.ndarray]:
    """Crops of scikit-learn's photographs; few have sides that are multiples of eight."""
    for photograph in load_sample_images().images:
        for height, width in ((375, 500), (250, 333), (400, 301), (135, 602)):
            yield np.ascontiguousarray(photograph[20 : 20 + height, 7 : 7 + width])


def jpeg_photographs() -> Iterator[bytes]:
    for number, photograph in enumerate(photographs()):
        exif = Image.Exif()
        exif[0x0112] = 1 + number
        yield as_file(Image.fromarray(photograph), "JPEG", quality=80 + number, exif=exif.tobytes())


@pytest.mark.parametrize("kind", KINDS)
def test_no_option_changes_what_identifies_a_picture(kind: str) -> None:
    data = KINDS[kind]().data
    stored = [decoded(data, options) for options in WAYS_TO_STORE]
    assert len({one.sha256 for one in stored}) == 1
    assert len({reference_hash(one, data, LIMITS) for one in stored}) == 1
    if stored[0].format != "JPEG":
        assert {one.phash for one in stored} == {reference_hash(stored[0], data, LIMITS)}


def test_no_option_changes_what_identifies_a_photograph() -> None:
    ratios = set()
    for data in jpeg_photographs():
        stored = [decoded(data, options) for options in WAYS_TO_STORE]
        assert len({one.sha256 for one in stored}) == 1
        assert len({reference_hash(one, data, LIMITS) for one in stored}) == 1
        ratios |= {one.jpeg_ratio for one in stored}
    assert ratios == {1, 2, 4, 8}


def test_the_fraction_of_a_jpeg_file_changes_few_bits_of_its_perceptual_hash() -> None:
    for data in jpeg_photographs():
        first, *others = [decoded(data, options).phash for options in WAYS_TO_STORE]
        assert max((first ^ other).bit_count() for other in others) <= 2


def test_equal_pixels_of_other_kinds_have_one_identity() -> None:
    kinds = ("PNG", "PNG, interlaced", "PNG, 16-bit colour", "WebP, lossless", "BMP", "TIFF", "TIFF, orientation 6")
    assert len({identity(KINDS[kind]().data) for kind in kinds}) == 1


def test_equal_pixels_in_other_files_have_one_identity() -> None:
    image = Image.fromarray(noise(3))
    files = [as_file(image, kind) for kind in ("PNG", "BMP", "TIFF")]
    files += [as_file(image, "PNG", compress_level=level) for level in (0, 9)]
    files += [as_file(image, "TIFF", compression="tiff_lzw"), as_file(image, "WEBP", lossless=True)]
    assert len({identity(file) for file in files}) == 1
    changed = noise(3)
    changed[0, 0, 0] ^= 1
    assert identity(as_file(changed)) != identity(files[0])
    assert identity(as_file(noise(3).reshape(14, 12, 3))) != identity(files[0])


def test_colours_that_nobody_sees_do_not_count_and_alpha_does() -> None:
    seen = np.random.default_rng(0).integers(0, 256, (12, 14, 4), np.uint8)
    seen[:6, :, 3] = 0
    other = seen.copy()
    other[:6, :, :3] ^= 1
    assert identity(as_file(Image.fromarray(seen))) == identity(as_file(Image.fromarray(other)))
    other[7, 7, 3] ^= 1
    assert identity(as_file(Image.fromarray(seen))) != identity(as_file(Image.fromarray(other)))


def test_full_opacity_is_the_same_as_none() -> None:
    image = Image.fromarray(noise(4))
    assert identity(as_file(image)) == identity(as_file(image.convert("RGBA")))


def test_white_symbols_are_told_apart_whatever_the_background() -> None:
    def symbol(seed: int) -> bytes:
        shape = Image.fromarray(noise(seed, 6, 6)).convert("L").resize((60, 60), Image.Resampling.BICUBIC)
        image = Image.new("RGBA", (60, 60), "white")
        image.putalpha(shape)
        return as_file(image)

    first, second = decoded(symbol(1)), decoded(symbol(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert first.sha256 != second.sha256
    assert (first.phash ^ second.phash).bit_count() >= 16


def without_metadata(data: bytes) -> bytes:
    """A JPEG file without its application segments and comments, by their markers alone."""
    at, kept = 2, data[:2]
    while data[at + 1] != 0xDA:
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in (*range(0xE0, 0xF0), 0xFE):
            kept += data[at:stop]
        at = stop
    return kept + data[at:]


@pytest.mark.parametrize("kind", ["JPEG", "JPEG, progressive", "JPEG, restart markers", "JPEG, grey", "JPEG 4:1:1"])
def test_metadata_is_no_part_of_a_jpeg_picture(kind: str) -> None:
    data = KINDS[kind]().data
    bare = without_metadata(data)
    assert bare != data
    comment = image_kinds.with_segment(data, 0xFE, b"a comment with \xff\xda and \xff\xd9 inside")
    dated = image_kinds.with_segment(bare, 0xE1, b"Exif\0\0" + image_kinds.exif(1))
    for changed in (bare, comment, dated, data + b"what phones append \xff\xd8\xff\xda"):
        assert identity(changed) == identity(data)
        assert np.array_equal(decoded(changed).pixels, decoded(data).pixels)


def test_metadata_that_changes_the_look_of_a_jpeg_file_counts() -> None:
    data = without_metadata(KINDS["JPEG"]().data)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    changed = {
        "turned": image_kinds.with_segment(data, 0xE1, b"Exif\0\0" + image_kinds.exif(6)),
        "colour profile": image_kinds.with_segment(
            data, 0xE2, b"ICC_PROFILE\0\x01\x01" + image_kinds.swapped_profile()
        ),
        "colours not transformed": image_kinds.with_segment(data, 0xEE, b"Adobe\0\x64\0\0\0\0\0"),
    }
    assert len({identity(file) for file in (data, *changed.values())}) == 4
    same = {
        "profile of sRGB": image_kinds.with_segment(data, 0xE2, b"ICC_PROFILE\0\x01\x01" + srgb),
        "colours transformed": image_kinds.with_segment(data, 0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
    }
    assert {identity(file) for file in same.values()} == {identity(data)}


@pytest.mark.parametrize("kind", ["JPEG, CMYK with Adobe marker", "JPEG, YCCK with Adobe marker"])
def test_the_marker_that_inverts_ink_counts(kind: str) -> None:
    data = KINDS[kind]().data
    bare = without_metadata(data)
    assert not np.array_equal(decoded(bare).pixels, decoded(data).pixels)
    assert identity(bare) != identity(data)


def test_components_named_red_green_and_blue_count_only_where_nothing_else_says_so() -> None:
    data = without_metadata(KINDS["JPEG"]().data)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    named = bytearray(data)
    for number, name in enumerate(b"RGB"):
        named[frame + 10 + 3 * number] = named[scan + 5 + 2 * number] = name
    jfif = image_kinds.with_segment(bytes(named), 0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    plain, as_jfif = decoded(bytes(named)), decoded(jfif)
    assert not np.array_equal(plain.pixels, as_jfif.pixels)
    assert plain.sha256 != as_jfif.sha256


def test_the_second_picture_of_a_file_does_not_count() -> None:
    data = KINDS["JPEG of several pictures"]().data
    first = data[: data.index(b"\xff\xd9") + 2]
    assert identity(data) == identity(without_metadata(first))
