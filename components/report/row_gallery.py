"""A bounded number of rows with their pictures, which the page lets a person filter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from diptych.components.report.gallery_rows import GalleryRow, Prediction, RowGallery
from diptych.components.report.report_data import Finding
from diptych.components.report.sampled_rows import SampledRows
from diptych.components.report.sprites import make_sheets
from diptych.components.report.thumbnails import read_pictures
from diptych.models import features
from diptych.models.images.options import ImageOptions

#: The most rows of the gallery.
MAX_ROWS = 5000

# Of all pictures together: the side of a picture follows from it and the number of rows.
_PIXELS = MAX_ROWS * 40 * 40
_MIN_SIDE, _MAX_SIDE = 40, 96


def make_row_gallery(
    rows: SampledRows,
    examples_uri: str,
    image: ImageOptions,
    findings: Sequence[Finding],
    predictions: Mapping[str, Prediction],
) -> RowGallery:
    """Chooses rows, and reads their pictures.

    Args:
        image: how the images are stored.
        findings: of the data gate; each row is given those that name it.
        predictions: id of a row to what the network predicts.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    rules: dict[str, list[str]] = {}
    for finding in findings:
        # A rejected row may have the id of one that is kept.
        for row_id in finding.ids if finding.rule != "rejects" else ():
            rules.setdefault(row_id, []).append(finding.rule)
    ids = rows.values[features.ID].tolist()
    chosen = choose_rows(np.array([row_id in rules for row_id in ids], bool), MAX_ROWS)
    side = min(_MAX_SIDE, max(_MIN_SIDE, math.isqrt(_PIXELS // max(1, len(chosen)))))
    sheets = make_sheets(_read_in_order(rows, chosen, examples_uri, image, side))
    described = [
        GalleryRow(
            id=ids[index],
            split=rows.split[index],
            labels=rows.labels[index],
            description=rows.values[features.DESCRIPTION][index],
            prediction=predictions.get(ids[index]),
            findings=tuple(dict.fromkeys(rules.get(ids[index], ()))),
        )
        for index in chosen
    ]
    return RowGallery(rows.total, described, sheets)


def choose_rows(is_marked: np.ndarray[tuple[int], np.dtype[np.bool_]], limit: int) -> list[int]:
    """The indices of at most ``limit`` rows in ascending order: marked ones first, and the others evenly spread.

    Args:
        is_marked: bool ``[rows]``.
    """
    marked = np.flatnonzero(is_marked)[:limit].tolist()
    others = np.flatnonzero(~is_marked).tolist()
    room = limit - len(marked)
    if len(others) > room:
        others = [others[number * len(others) // room] for number in range(room)]
    return sorted([*marked, *others])


def _read_in_order(
    rows: SampledRows, indices: Sequence[int], examples_uri: str, image: ImageOptions, side: int
) -> Iterator[Image.Image]:
    """The pictures of rows in the order of their indices, no side longer than ``side``."""
    # Rows are sampled split by split, and in each split in the order of its records.
    places: dict[str, list[int]] = {}
    for index in indices:
        places.setdefault(rows.split[index], []).append(int(rows.place[index]))
    for _, picture in read_pictures(examples_uri, places, image):
        picture.thumbnail((side, side))
        yield picture
