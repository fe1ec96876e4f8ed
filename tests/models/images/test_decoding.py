"""An image file is decoded to the same pixels for serving as for storing."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_images

from diptych.components.catalogue import image_files as ingestion
from diptych.components.catalogue.options import Limits
from diptych.models.images.decoding import RESIZE_TOLERANCE, decode_image_file, decode_stored_images
from diptych.models.images.geometry import jpeg_downscaling_ratio
from diptych.models.images.options import ImageOptions
from tests.helpers import as_file
from tests.image_kinds import BACKGROUND, HEIGHT, KINDS, WIDTH

FILTERS = ["area", "bilinear", "bicubic", "lanczos"]
ASPECTS = ["stretch", "pad", "crop"]
# TensorFlow does not decode these, or differently, as the documentation of diptych.models.images.decoding says.
NOT_DECODED_EQUALLY = ("TIFF", "AVIF", "HEIC", "JPEG, colour profile")
MODES = ["RGB", "RGBA", "L", "LA", "P", "1"]
ORIENTATION_TAG = 0x0112


def picture(mode: str, height: int, width: int, seed: int) -> Image.Image:
    """An image of smooth random pixels; on noise, the loss of JPEG would exceed every other difference."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 4), np.uint8), "RGBA")
    return small.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def served(data: bytes, options: ImageOptions) -> np.ndarray:
    import tensorflow as tf

    return decode_image_file(tf.constant(data), options).numpy()


def reads_webp() -> bool:
    import tensorflow as tf

    return hasattr(tf.io, "decode_webp")


def stored(data: bytes, options: ImageOptions) -> np.ndarray:
    return ingestion.decode_image(data, options, Limits()).pixels


def difference(data: bytes, options: ImageOptions) -> np.ndarray:
    """The absolute differences between stored and served pixels, in levels of 255."""
    pixels = stored(data, options)
    assert pixels.shape == (options.height, options.width, 3)
    return np.abs(pixels.astype(int) - served(data, options).astype(int))


def assert_served_equals_stored(data: bytes, options: ImageOptions, tolerance: int) -> None:
    assert difference(data, options).max() <= tolerance


@pytest.mark.parametrize("mode", MODES)
def test_png_at_its_own_size_is_served_exactly_as_stored(mode: str) -> None:
    options = ImageOptions(height=24, width=20, background="#336699")
    assert_served_equals_stored(as_file(picture(mode, 24, 20, 1), "PNG"), options, tolerance=0)


@pytest.mark.parametrize("filter_", FILTERS)
@settings(max_examples=12, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    shape=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    target=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    aspect=st.sampled_from(ASPECTS),
    seed=st.integers(0, 999),
)
def test_resized_png_is_served_within_the_stated_tolerance(
    filter_: str, mode: str, shape: tuple[int, int], target: tuple[int, int], aspect: str, seed: int
) -> None:
    options = ImageOptions(height=target[0], width=target[1], filter=filter_, aspect=aspect, background="#123456")
    assert_served_equals_stored(as_file(picture(mode, *shape, seed), "PNG"), options, RESIZE_TOLERANCE)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    target=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    aspect=st.sampled_from(ASPECTS),
    orientation=st.integers(1, 8),
)
def test_jpeg_is_shrunk_by_the_same_ratio_in_both(
    shape: tuple[int, int], target: tuple[int, int], aspect: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    data = as_file(picture("RGB", *shape, 1), "JPEG", exif=exif.tobytes(), quality=95)
    options = ImageOptions(height=target[0], width=target[1], aspect=aspect)
    assert_served_equals_stored(data, options, RESIZE_TOLERANCE)


@pytest.mark.parametrize(
    ("start", "other"),
    [
        (b"MM\0*\0\0\0\x08", b"MM\0*\0\1\0\0"),  # the directory is said to be elsewhere
        (b"MM\0*\0\0\0\x08\0\1", b"MM\0*\0\0\0\x08\0\0"),  # the directory is said to be empty
    ],
)
def test_an_orientation_that_is_not_the_pictures_turns_nothing_silently(start: bytes, other: bytes) -> None:
    import tensorflow as tf

    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    data = as_file(picture("RGB", 24, 20, 1), "JPEG", exif=exif.tobytes())
    options = ImageOptions(height=24, width=20)
    assert data.count(start) == 1
    damaged = data.replace(start, other)
    assert not np.array_equal(stored(damaged, options), stored(data, options))
    with pytest.raises(tf.errors.InvalidArgumentError, match="EXIF"):
        served(damaged, options)


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_photographs_are_served_as_they_are_stored(filter_: str, aspect: str) -> None:
    ratios = set()
    for photograph in load_sample_images().images:
        image = Image.fromarray(photograph[20:395, 50:550])
        for side, quality in ((45, 75), (64, 90), (128, 95), (300, 90)):
            options = ImageOptions(height=side, width=side, filter=filter_, aspect=aspect)
            ratios.add(jpeg_downscaling_ratio((375, 500), options))
            levels = difference(as_file(image, "JPEG", quality=quality), options)
            assert levels.mean() < (0.01 if filter_ == "area" else 0.05)
    assert ratios == {1, 2, 4, 8}


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (20, 24)], ids=["own size", "shrunk"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(NOT_DECODED_EQUALLY)])
def test_every_kind_of_file_is_served_as_it_is_stored(kind: str, shape: tuple[int, int]) -> None:
    if kind.startswith("WebP") and not reads_webp():
        pytest.skip("the installed TensorFlow has no tf.io.decode_webp")
    options = ImageOptions(height=shape[0], width=shape[1], background=BACKGROUND)
    # From CMYK, TensorFlow rounds colours down, Pillow to the nearest level.
    slack = 1 if "CMYK" in kind or "YCCK" in kind else 0
    levels = difference(KINDS[kind]().data, options)
    assert levels.max() <= slack + (shape != (HEIGHT, WIDTH))
    assert levels.mean() <= 0.1 + slack


def test_a_saved_model_decodes_files_as_ingestion_does(tmp_path: Path) -> None:
    import tensorflow as tf

    options = ImageOptions(height=20, width=30, aspect="pad")
    module = tf.Module()
    module.decode = tf.function(
        lambda image: decode_image_file(image, options), input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )
    tf.saved_model.save(module, str(tmp_path))
    decode = tf.saved_model.load(str(tmp_path)).decode
    for kind in ("JPEG", "JPEG, EXIF orientation 6", "PNG, colour and alpha", "GIF", "BMP"):
        data = KINDS[kind]().data
        assert np.abs(decode(data).numpy().astype(int) - stored(data, options)).max() <= RESIZE_TOLERANCE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_jpeg_is_turned_upright_in_both(orientation: int, order: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    exif.endian = order
    data = as_file(picture("RGB", 24, 40, 2), "JPEG", exif=exif.tobytes(), quality=95)
    height, width = (24, 40) if orientation < 5 else (40, 24)
    assert_served_equals_stored(data, ImageOptions(height=height, width=width), tolerance=0)


def test_orientation_changes_what_is_served() -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 3
    image = picture("RGB", 24, 24, 3)
    options = ImageOptions(height=24, width=24)
    upright = served(as_file(image, "JPEG", exif=exif.tobytes()), options)
    assert np.array_equal(upright, served(as_file(image, "JPEG"), options)[::-1, ::-1])


@pytest.mark.parametrize("encoding", ["raw", "png", "webp"])
def test_lossless_encodings_store_the_pixels(encoding: str) -> None:
    import tensorflow as tf

    if encoding == "webp" and not reads_webp():
        pytest.skip("the installed TensorFlow has no tf.io.decode_webp")
    options = ImageOptions(height=16, width=12, encoding=encoding)
    pixels = np.asarray(picture("RGB", 16, 12, 4))
    records = [ingestion.encode_pixels(pixels, options), ingestion.encode_pixels(pixels[::-1], options)]
    decoded = decode_stored_images(tf.constant(records), options).numpy()
    assert np.array_equal(decoded, np.stack([pixels, pixels[::-1]]))


def test_jpeg_encoding_is_read_and_served_as_it_was_stored() -> None:
    import tensorflow as tf

    options = ImageOptions(height=16, width=16, encoding="jpeg")
    image = picture("RGB", 16, 16, 5)
    record = ingestion.encode_pixels(np.asarray(image), options)
    decoded = decode_stored_images(tf.constant([record]), options).numpy()[0].astype(int)
    assert np.array_equal(decoded, np.asarray(Image.open(io.BytesIO(record))))
    assert np.abs(decoded - served(as_file(image, "PNG"), options)).max() <= RESIZE_TOLERANCE


def test_decoding_works_inside_tf_data() -> None:
    import tensorflow as tf

    options = ImageOptions(height=10, width=9)
    data = as_file(picture("LA", 30, 30, 6), "PNG")
    dataset = tf.data.Dataset.from_tensors(data).map(lambda file: decode_image_file(file, options))
    assert np.array_equal(next(dataset.as_numpy_iterator()), served(data, options))


def pixels_16_bits(channels: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 65536, (24, 20, channels), np.uint16)


def png_of_16_bits(pixels: np.ndarray) -> bytes:
    """A PNG file with 16 bits a channel; Pillow could write only grey ones."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, channels = pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_is_served_exactly_as_stored(channels: int) -> None:
    data = png_of_16_bits(pixels_16_bits(channels))
    assert_served_equals_stored(data, ImageOptions(height=24, width=20, background="#336699"), tolerance=0)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_of_png_is_served_as_stored(mode: str) -> None:
    image = picture(mode, 24, 20, 8)
    data = as_file(image, "PNG", transparency=image.getpixel((3, 3)))
    options = ImageOptions(height=24, width=20, background="#ff00ff")
    assert_served_equals_stored(data, options, tolerance=0)
    assert served(data, options)[3, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
@pytest.mark.parametrize("transparency", [{}, {"transparency": 1}], ids=["opaque", "transparent"])
def test_png_of_any_palette_is_served_as_stored(colours: int, transparency: dict[str, int]) -> None:
    data = as_file(picture("RGB", 24, 20, 11).quantize(colours), "PNG", **transparency)
    assert_served_equals_stored(data, ImageOptions(height=24, width=20, background="#ff00ff"), tolerance=0)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_png_is_turned_upright_in_both(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    data = as_file(picture("RGB", 24, 40, 9), "PNG", exif=exif)
    height, width = (24, 40) if orientation < 5 else (40, 24)
    options = ImageOptions(height=height, width=width)
    assert_served_equals_stored(data, options, tolerance=0)


@pytest.mark.parametrize(
    ("kind", "mode", "save"),
    [
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "RGB", {"subsampling": 2}),
        ("GIF", "P", {}),
        ("GIF", "P", {"save_all": True, "append_images": [Image.new("P", (20, 24))]}),
        ("BMP", "RGB", {}),
        ("BMP", "L", {}),
    ],
)
def test_other_files_are_served_exactly_as_stored(kind: str, mode: str, save: dict[str, object]) -> None:
    data = as_file(picture("RGB", 24, 20, 10).convert(mode), kind, **save)
    assert_served_equals_stored(data, ImageOptions(height=24, width=20), tolerance=0)
