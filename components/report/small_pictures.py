"""Small pictures as pages hold them."""

from __future__ import annotations

import io

from PIL import Image

from diptych.components.report.report_data import Thumbnail

#: The longest side of a thumbnail, in pixels. Three hundred photographs of this size take about 1 MB in a page.
SIDE = 96

#: The reasons of rejects whose image was decoded without complaint, or not at all. A hostile image is only decoded in a
#: process of its own.
REASONS_OTHER_THAN_IMAGE = frozenset(
    {
        "missing_description",
        "description_too_long",
        "missing_label",
        "several_labels",
        "unknown_label",
        "unlabelled",
        "unknown_split",
        "duplicate_id",
        "duplicate",
        "near_duplicate",
        "straddling",
        "too_small",
    }
)

_QUALITY = 80


def shrink(picture: Image.Image, side: int = SIDE) -> Thumbnail:
    """The picture as a WebP file, made smaller if a side is longer than ``side``; the picture itself is changed."""
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.convert("RGB").save(file, "WEBP", quality=_QUALITY)
    return Thumbnail(file.getvalue(), picture.width, picture.height)
