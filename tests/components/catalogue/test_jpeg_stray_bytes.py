"""JPEG files with bytes that belong to nothing are read as libjpeg reads them; files that lost pixels are refused."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.jpeg_segments import SOS, read_segments
from diptych.components.catalogue.options import Limits
from diptych.models.images.options import ImageOptions
from tests.helpers import as_file
from tests.image_kinds import KINDS

OPTIONS = ImageOptions(height=64, width=64)
WRITERS = {"plain": {}, "optimised": {"optimize": True}, "progressive": {"progressive": True}}
STRAY = {
    "zeros": bytes(2226),
    "filled up": b"\xff\x00" * 600,
    "spaces": b" " * 100,
    "words": b"Made by a camera. " * 40,
    "noise": np.random.default_rng(0).integers(0, 255, 1153, np.uint8).tobytes(),
    "a few": b"\x12\x34",
}


def photographs(count: int, **options: object) -> Iterator[bytes]:
    for number in range(count):
        photograph = load_sample_images().images[number % 2]
        pixels = np.ascontiguousarray(photograph[number : number + 200, 3 * number : 3 * number + 300])
        yield as_file(pixels, "JPEG", quality=75 + number % 3 * 8, **options)


def read(data: bytes) -> np.ndarray:
    return decode_image(data, OPTIONS, Limits()).pixels


def is_read(data: bytes) -> bool:
    try:
        read(data)
    except ImageError as error:
        assert error.reason in ("truncated", "corrupt")
        return False
    return True


def coded(data: bytes) -> tuple[int, int]:
    """Where the coded pixels of the first scan begin and end."""
    scan = next(segment for segment in read_segments(data) if segment.marker == SOS)
    return scan.end, scan.stop


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("writer", WRITERS)
def test_bytes_before_the_end_marker_are_no_pixels(writer: str, stray: str) -> None:
    for data in photographs(6, **WRITERS[writer]):
        changed = data[:-2] + STRAY[stray] + data[-2:]
        assert np.array_equal(read(changed), read(data))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(changed))), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("kind", ["JPEG, restart markers", "JPEG, grey", "JPEG, CMYK with Adobe marker", "JPEG 4:1:1"])
@pytest.mark.parametrize("stray", STRAY)
def test_bytes_before_the_end_marker_are_no_pixels_of_any_kind(kind: str, stray: str) -> None:
    data = KINDS[kind]().data
    assert np.array_equal(read(data[:-2] + STRAY[stray] + data[-2:]), read(data))


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("writer", WRITERS)
def test_bytes_between_segments_are_no_pixels(writer: str, stray: str) -> None:
    # A stuffed zero does not make a pair of bytes stray in front of a marker.
    junk = STRAY[stray].replace(b"\xff", b"\x01")
    for data in photographs(2, **WRITERS[writer]):
        starts = [segment.start for segment in read_segments(data)]
        for start in starts[2:6]:
            assert np.array_equal(read(data[:start] + junk + data[start:]), read(data))


def test_bytes_in_several_places_are_no_pixels() -> None:
    for data in photographs(4, progressive=True):
        changed = data
        for segment in reversed(list(read_segments(data))):
            if segment.marker == SOS:
                changed = changed[: segment.stop] + bytes(50) + changed[segment.stop :]
        assert np.array_equal(read(changed), read(data))


@pytest.mark.parametrize("writer", WRITERS)
def test_pixels_that_were_overwritten_with_zeros_are_missed(writer: str) -> None:
    refused = 0
    for data in photographs(20, **WRITERS[writer]):
        start, stop = coded(data)
        middle = (start + stop) // 2
        assert not is_read(data[:middle] + bytes(stop - middle) + bytes(9000) + data[stop:])
        refused += not is_read(data[:middle] + bytes(stop - middle) + data[stop:])
    assert refused >= 15


@pytest.mark.parametrize("writer", WRITERS)
def test_most_files_with_foreign_bytes_among_the_pixels_are_refused(writer: str) -> None:
    """The decoder reads on behind them without a complaint, but then has bytes left over."""
    foreign = np.random.default_rng(0).integers(0, 255, 512, np.uint8).tobytes()
    refused = 0
    for data in photographs(40, **WRITERS[writer]):
        start, stop = coded(data)
        middle = (start + stop) // 2
        refused += not is_read(data[:middle] + foreign + data[middle:])
    assert refused >= 22


@pytest.mark.parametrize("missing", [1, 3, 10, 100])
def test_pixels_that_are_missing_are_not_filled_up_with_stray_bytes(missing: int) -> None:
    for data in photographs(10):
        _, stop = coded(data)
        assert not is_read(data[: stop - missing] + bytes(1000) + data[stop:])


@pytest.mark.parametrize("stray", STRAY)
def test_the_rest_of_a_truncated_file_is_not_taken_for_stray_bytes(stray: str) -> None:
    for data in photographs(10):
        assert not is_read(data[: len(data) * 2 // 3] + b"\xff\xd9")
        assert not is_read(data[: len(data) // 8] + STRAY[stray] + b"\xff\xd9")


def test_a_revision_that_libjpeg_does_not_know_hides_no_damage() -> None:
    for data in photographs(10):
        revision = data.index(b"JFIF\0") + 5
        unknown = data[:revision] + b"\0\0" + data[revision + 2 :]
        for stray in STRAY.values():
            assert np.array_equal(read(unknown[:-2] + stray + unknown[-2:]), read(data))
        start, stop = coded(unknown)
        middle = (start + stop) // 2
        assert not is_read(unknown[:middle] + bytes(stop - middle) + bytes(9000) + unknown[stop:])
