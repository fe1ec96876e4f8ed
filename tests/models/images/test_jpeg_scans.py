"""Progressive JPEG files that lack scans are told from whole ones, whatever else a file holds."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.models.images.decoding import decode_image_file
from diptych.models.images.jpeg_scans import lacks_scans
from diptych.models.images.options import ImageOptions
from tests.helpers import as_file, noise

SCAN = re.compile(rb"\xff\xda")
PICTURE = Image.fromarray(noise(1, 6, 8)).resize((120, 80), Image.Resampling.BICUBIC)
STORED = ImageOptions(height=80, width=120)


def cut(data: bytes, scans: int) -> bytes:
    """The file up to the end of some scans."""
    starts = [match.start() for match in SCAN.finditer(data)]
    end = starts[scans]
    tables = data.rfind(b"\xff\xc4", starts[scans - 1], end)
    return data[: tables if tables > 0 else end] + b"\xff\xd9"


def lacks(data: bytes) -> bool:
    return bool(lacks_scans(tf.constant(data)))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_each_missing_scan_of_last_bits_is_noticed(mode: str) -> None:
    whole = as_file(PICTURE.convert(mode), "JPEG", progressive=True)
    assert not lacks(whole)
    scans = len(SCAN.findall(whole))
    assert scans > 5
    assert all(lacks(cut(whole, number)) for number in range(1, scans))


def test_other_files_lack_nothing() -> None:
    profile = b"\xff\xc2\x00\x11\x08" + b"\xff\xc2" + b"\xff\xda"
    for picture in (PICTURE, PICTURE.convert("L"), PICTURE.convert("CMYK")):
        assert not lacks(as_file(picture, "JPEG"))
        assert not lacks(as_file(picture, "JPEG", icc_profile=profile))
        assert not lacks(as_file(picture, "JPEG", progressive=True, icc_profile=profile))
    assert not lacks(b"\xff\xd8\xff\xda")
    assert not lacks(b"")


def test_a_file_that_lacks_scans_is_refused_and_a_whole_one_is_served_as_it_is_stored() -> None:
    whole = as_file(PICTURE, "JPEG", progressive=True)
    served = decode_image_file(tf.constant(whole), STORED).numpy()
    np.testing.assert_array_equal(served, decode_image(whole, STORED, Limits()).pixels)
    with pytest.raises(tf.errors.InvalidArgumentError, match="lacks scans"):
        decode_image_file(tf.constant(cut(whole, 1)), STORED)
