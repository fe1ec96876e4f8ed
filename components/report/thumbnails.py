"""Small pictures of stored images, and of the images of rows that were rejected for another reason than their image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf
from PIL import Image

from diptych.components.report.report_data import RejectedRow, Thumbnail
from diptych.components.report.sampled_rows import read_records_at
from diptych.components.report.small_pictures import REASONS_OTHER_THAN_IMAGE, SIDE, shrink
from diptych.models import features
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions
from diptych.models.tfrecords import list_split_files

_BATCH = 64

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_MAX_BYTES, _MAX_PIXELS = 16_000_000, 25_000_000


def make_thumbnails(
    examples_uri: str, places: Mapping[str, Sequence[int]], image: ImageOptions
) -> dict[tuple[str, int], Thumbnail]:
    """Makes thumbnails of stored images.

    Args:
        places: split to indices of records in it.
        image: how the images are stored.

    Returns:
        (split, index) to thumbnail.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    return {place: shrink(picture) for place, picture in read_pictures(examples_uri, places, image)}


def read_pictures(
    examples_uri: str, places: Mapping[str, Sequence[int]], image: ImageOptions
) -> Iterator[tuple[tuple[str, int], Image.Image]]:
    """Yields (split, index) and picture of stored images: split by split, in each in ascending order of the indices.

    Args:
        places: split to indices of records in it.
        image: how the images are stored.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    for split, of_split in places.items():
        ordered = sorted(set(of_split))
        records = list(read_records_at(list_split_files(examples_uri, split), ordered))
        pictures = (
            picture
            for start in range(0, len(records), _BATCH)
            for picture in _decode(records[start : start + _BATCH], image)
        )
        yield from zip(((split, place) for place in ordered), pictures, strict=True)


def _decode(records: Sequence[bytes], image: ImageOptions) -> list[Image.Image]:
    stored = tf.io.parse_example(records, features.parsing_spec([features.IMAGE]))[features.IMAGE]
    return [Image.fromarray(pixels) for pixels in decode_stored_images(stored, image).numpy()]


def make_reject_thumbnails(rows: Sequence[RejectedRow], images_root: str, limit: int) -> dict[int, Thumbnail]:
    """Makes thumbnails of the first ``limit`` rows that were rejected for another reason than their image.

    Args:
        images_root: the folder that holds the images; an image outside it is not read.

    Returns:
        Index in ``rows`` to thumbnail.
    """
    found: dict[int, Thumbnail] = {}
    for index, row in enumerate(rows):
        if len(found) == limit:
            break
        if row.reason in REASONS_OTHER_THAN_IMAGE and row.image and (thumbnail := _read_file(images_root, row.image)):
            found[index] = thumbnail
    return found


def _read_file(root: str, name: str) -> Thumbnail | None:
    try:
        inside = os.path.realpath(root)
        path = os.path.realpath(os.path.join(inside, name))
        if os.path.commonpath([inside, path]) != inside or not os.path.isfile(path):
            return None
        if os.path.getsize(path) > _MAX_BYTES:
            return None
        with Image.open(path, formats=_FORMATS) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                return None
            picture.draft("RGB", (SIDE, SIDE))
            return shrink(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        # The file may have changed since the row was rejected. The page then shows the row without a picture.
        return None
