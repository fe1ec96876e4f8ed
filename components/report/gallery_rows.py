"""The data of the gallery, in which a person filters rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """What the network predicts for a row.

    Attributes:
        score: of its best label.
        mistake: of what is predicted wrongly, the label with the best score, and this score; None if nothing is.
    """

    labels: tuple[str, ...]
    score: float
    mistake: tuple[str, float] | None = None


@dataclass(frozen=True)
class GalleryRow:
    """A row of the gallery.

    Attributes:
        prediction: None where the network was not asked.
        findings: the rules of the data gate that name the row.
    """

    id: str
    split: str
    labels: tuple[str, ...]
    description: str
    prediction: Prediction | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SpriteSheet:
    """The pictures of consecutive rows in one WebP file, row by row; ``width`` and ``height`` are those of one."""

    webp: bytes
    width: int
    height: int
    pictures: int


@dataclass(frozen=True)
class RowGallery:
    """Rows that can be filtered, out of ``total``; their pictures lie in the sheets, in the order of the rows."""

    total: int
    rows: Sequence[GalleryRow]
    sheets: Sequence[SpriteSheet]
