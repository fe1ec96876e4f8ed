"""Small pictures of stored images, and of files that were rejected for something else than their image."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

import tensorflow as tf
from PIL import Image

from diptych.components.report.report_data import Picture, RejectedRow
from diptych.components.report.rows import read_at
from diptych.models import features
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions
from diptych.models.tfrecords import list_split_files

# Larger would make the page heavy: three hundred photographs take about 1 MB at this size and quality.
_SIDE = 96
_QUALITY = 80
_DECODED_AT_ONCE = 64

# Decoding an image that was refused as such is what ingestion does in processes of their own; nothing here may.
_SOUND = frozenset(
    {
        "missing_description",
        "description_too_long",
        "missing_label",
        "unknown_label",
        "unknown_split",
        "duplicate_id",
        "duplicate",
        "near_duplicate",
        "too_small",
    }
)
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_MOST_BYTES, _MOST_PIXELS = 16_000_000, 25_000_000


def read_pictures(
    examples_uri: str, places: Mapping[str, Sequence[int]], image: ImageOptions
) -> dict[tuple[str, int], Picture]:
    """Split and place to picture.

    Args:
        places: split to places of records in it.
        image: how the images are stored.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    found: dict[tuple[str, int], Picture] = {}
    for split, of_split in places.items():
        ordered = sorted(set(of_split))
        records = list(read_at(list_split_files(examples_uri, split), ordered))
        pictures = [
            picture
            for start in range(0, len(records), _DECODED_AT_ONCE)
            for picture in _decode(records[start : start + _DECODED_AT_ONCE], image)
        ]
        found |= {(split, place): picture for place, picture in zip(ordered, pictures, strict=True)}
    return found


def _decode(records: Sequence[bytes], image: ImageOptions) -> list[Picture]:
    stored = tf.io.parse_example(records, features.parsing_spec([features.IMAGE]))[features.IMAGE]
    return [_shrink(Image.fromarray(pixels)) for pixels in decode_stored_images(stored, image).numpy()]


def _shrink(picture: Image.Image) -> Picture:
    picture.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    picture.convert("RGB").save(file, "WEBP", quality=_QUALITY)
    return Picture(file.getvalue(), picture.width, picture.height)


def read_rejected(rows: Sequence[RejectedRow], images_root: str, limit: int) -> dict[int, Picture]:
    """Place among the rows to picture, of the first ``limit`` whose image was not what they were rejected for."""
    found: dict[int, Picture] = {}
    for place, row in enumerate(rows):
        if len(found) == limit:
            break
        if row.reason in _SOUND and row.image and (picture := _read_file(images_root, row.image)):
            found[place] = picture
    return found


def _read_file(root: str, name: str) -> Picture | None:
    try:
        inside = os.path.realpath(root)
        path = os.path.realpath(os.path.join(inside, name))
        if os.path.commonpath([inside, path]) != inside or not os.path.isfile(path):
            return None
        if os.path.getsize(path) > _MOST_BYTES:
            return None
        with Image.open(path, formats=_FORMATS) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                return None
            picture.draft("RGB", (_SIDE, _SIDE))
            return _shrink(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        # A file may have changed since it was rejected: the row stays, without a picture.
        return None
