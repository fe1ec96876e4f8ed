"""The gallery as the page holds it: choices of its filters, its pictures, and its rows for the page's script."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from diptych.components.report.formatting import shorten
from diptych.components.report.gallery_rows import GalleryRow, RowGallery
from diptych.components.report.sprites import COLUMNS
from diptych.models import features
from diptych.models.natural_order import natural_key
from diptych.models.shown_text import show_text

_MAX_DESCRIPTION_LENGTH = 120

# In JSON within HTML, these characters could end the element; escaped, they mean the same.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&'"}


@dataclass(frozen=True)
class ShownSheet:
    """The pictures of a sheet as one image of ``width`` x ``height`` pixels; ``caption`` says of which rows."""

    webp: bytes
    width: int
    height: int
    caption: str


@dataclass(frozen=True)
class GalleryView:
    """Everything that the template needs.

    Attributes:
        labels: the choices of a filter, as are ``splits``, ``predicted`` and ``findings``.
        json: the rows, as ``page.js`` reads them.
    """

    splits: Sequence[str]
    labels: Sequence[str]
    predicted: Sequence[str]
    findings: Sequence[str]
    sheets: Sequence[ShownSheet]
    json: Markup


def view_gallery(gallery: RowGallery) -> GalleryView:
    """Lays out the gallery; texts are as they may be shown."""
    rows, predictions = gallery.rows, [row.prediction for row in gallery.rows if row.prediction]
    return GalleryView(
        splits=[split for split in features.SPLITS if any(row.split == split for row in rows)],
        labels=_choices(label for row in rows for label in row.labels),
        predicted=_choices(label for prediction in predictions for label in prediction.labels),
        findings=_choices(rule for row in rows for rule in row.findings),
        sheets=list(_show_sheets(gallery)),
        json=_embed_json(
            {
                "columns": COLUMNS,
                "sheets": [
                    {"width": sheet.width, "height": sheet.height, "pictures": sheet.pictures}
                    for sheet in gallery.sheets
                ],
                "rows": [_describe(row) for row in rows],
            }
        ),
    )


def _choices(values: Iterable[str]) -> list[str]:
    return sorted({show_text(value) for value in values}, key=natural_key)


def _describe(row: GalleryRow) -> list[Any]:
    predicted = row.prediction and [show_text(label) for label in row.prediction.labels]
    return [
        show_text(row.id),
        show_text(row.split),
        [show_text(label) for label in row.labels],
        shorten(row.description, _MAX_DESCRIPTION_LENGTH),
        predicted,
        round(row.prediction.score, 4) if row.prediction and math.isfinite(row.prediction.score) else None,
        [show_text(rule) for rule in row.findings],
    ]


def _embed_json(value: Any) -> Markup:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.translate(_ESCAPES))


def _show_sheets(gallery: RowGallery) -> Iterable[ShownSheet]:
    first = 0
    for sheet in gallery.sheets:
        rows = gallery.rows[first : first + sheet.pictures]
        lines = -(-sheet.pictures // COLUMNS)
        splits = " and ".join(dict.fromkeys(row.split for row in rows))
        caption = f"Rows {first + 1:,} to {first + len(rows):,}, of {splits}"
        yield ShownSheet(sheet.webp, COLUMNS * sheet.width, lines * sheet.height, caption)
        first += len(rows)
