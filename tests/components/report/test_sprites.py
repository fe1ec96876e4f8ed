"""Pictures lie in their sheets where their numbers say, and all sheets together stay small."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from diptych.components.report.sprites import COLUMNS, PICTURES, make_sheets
from tests.helpers import noise


def test_each_picture_is_where_its_number_says() -> None:
    numbers = range(PICTURES + 3)
    first, second = make_sheets(Image.new("RGB", (8, 6), (number % 256, 90, 30)) for number in numbers)
    assert (first.width, first.height, first.pictures, second.pictures) == (8, 6, PICTURES, 3)
    for sheet, start in ((first, 0), (second, PICTURES)):
        pixels = np.asarray(Image.open(io.BytesIO(sheet.webp)))
        for place in range(0, sheet.pictures, 50):
            left, top = place % COLUMNS * 8, place // COLUMNS * 6
            middle = pixels[top + 3, left + 4]
            # WebP is lossy, and shares colours between neighbours.
            np.testing.assert_allclose(middle, ((start + place) % 256, 90, 30), atol=12)


def test_the_more_pictures_take_the_less_each_is_given() -> None:
    def pictures(number: int) -> Iterator[Image.Image]:
        return (Image.fromarray(noise(seed, 40, 40)) for seed in range(number))

    few, many = make_sheets(pictures(240)), make_sheets(pictures(5000))
    # Noise, which no image is as bad as, takes a little more than what is aimed at.
    assert sum(len(sheet.webp) for sheet in many) < 2_800_000
    assert len(many[0].webp) < len(few[0].webp)


def test_of_no_picture_there_is_no_sheet() -> None:
    assert make_sheets([]) == []
