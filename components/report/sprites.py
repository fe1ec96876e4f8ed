"""Many small pictures of one size in few files, as style sheets and games keep them: a header and a palette are paid
for once."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL import Image

from diptych.components.report.gallery_rows import SpriteSheet

#: Pictures in a row of a sheet, and in a sheet.
COLUMNS, PICTURES = 20, 240

# What all sheets together shall take, in bytes. In a page they take a third more.
_MAX_BYTES = 2_400_000
# Of WebP: the first one whose sheets are small enough, else the last.
_QUALITIES = (75, 50, 25, 5)


def make_sheets(pictures: Iterable[Image.Image]) -> list[SpriteSheet]:
    """Puts pictures into sheets, row by row from the upper left.

    Args:
        pictures: all of the size of the first one.
    """
    sheets: list[Image.Image] = []
    counts: list[int] = []
    for number, picture in enumerate(pictures):
        place = number % PICTURES
        if place == 0:
            sheets.append(Image.new("RGB", (COLUMNS * picture.width, PICTURES // COLUMNS * picture.height), "white"))
            counts.append(0)
        sheets[-1].paste(picture, (place % COLUMNS * picture.width, place // COLUMNS * picture.height))
        counts[-1] += 1
    for quality in _QUALITIES:
        files = [_encode(sheet, quality) for sheet in sheets]
        if sum(map(len, files)) <= _MAX_BYTES:
            break
    sizes = [(sheet.width // COLUMNS, sheet.height * COLUMNS // PICTURES) for sheet in sheets]
    return [SpriteSheet(file, *size, count) for file, size, count in zip(files, sizes, counts, strict=True)]


def _encode(sheet: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()
