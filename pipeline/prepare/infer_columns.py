"""Which column of a catalogue is which: by its name, and by what its first rows hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from diptych.components.catalogue.readers.sidecars import IMAGE_ENDINGS
from diptych.models.features import SPLITS

#: Words of the names that columns bear, best first.
WORDS: Mapping[str, Sequence[str]] = {
    "image": ("image", "img", "picture", "photo", "pixels", "file_name", "filename", "file", "filepath", "path", "url"),
    "description": (
        *("description", "caption", "text", "sentence", "prompt", "title", "alt", "comment", "desc", "name"),
        *("descriptions", "captions", "texts"),
    ),
    "label": (
        *("label", "class", "category", "target", "classname", "labels", "species", "breed", "tag", "type", "y"),
        *("classes", "categories", "targets"),
    ),
    "id": ("id", "uuid", "uid", "guid", "key", "identifier"),
    "split": ("split", "subset", "fold", "partition", "set"),
    "split_by": (
        *("group", "product", "family", "patient", "subject", "person", "user", "author", "session", "scene", "series"),
        *("video", "item", "sku", "listing", "cluster"),
    ),
}
#: What a catalogue cannot do without.
REQUIRED = ("image", "description", "label")

_SPLIT_VALUES = frozenset({*SPLITS, "training", "valid", "validation", "dev", "eval", "evaluation", "testing"})
_MOST_LABEL_LENGTH = 60


@dataclass(frozen=True)
class Guess:
    """What the columns seem to be.

    Attributes:
        columns: part (a key of ``WORDS``) to column; a part that no column fits is not there.
        alternatives: part to the other columns that fit, best first.
    """

    columns: Mapping[str, str]
    alternatives: Mapping[str, Sequence[str]]

    @property
    def missing(self) -> list[str]:
        """The required parts that no column fits."""
        return [part for part in REQUIRED if part not in self.columns]


@dataclass(frozen=True)
class _Column:
    """A column's values in the rows that were looked at, without the empty ones, and what holds for them."""

    name: str
    values: Sequence[Any]
    is_full: bool

    @property
    def texts(self) -> list[str]:
        return [str(value) for value in self.values if isinstance(value, (str, int, float))]

    def rank(self, part: str) -> float:
        """1 for the best name of a part, less for others that fit, 0 for none."""
        words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower())
        known = WORDS[part]
        whole = "_".join(words)
        places = [place + (0 if word == whole else 0.5) for place, word in enumerate(known) if word in (whole, *words)]
        return 1 - min(places) / (len(known) + 1) if places else 0

    @property
    def distinct(self) -> float:
        """Different values over all values, 0 to 1."""
        texts = self.texts
        return len(set(texts)) / len(texts) if texts else 0

    @property
    def length(self) -> float:
        """Mean number of characters."""
        return fmean(map(len, self.texts)) if self.texts else 0

    @property
    def has_words(self) -> bool:
        """Whether most values are of more than one word."""
        return bool(self.texts) and fmean(" " in text.strip() for text in self.texts) >= 0.5

    @property
    def is_text(self) -> bool:
        return bool(self.values) and all(isinstance(value, str) for value in self.values)


def guess_columns(rows: Sequence[Mapping[str, Any]]) -> Guess:
    """Guesses the parts that the columns of some rows play.

    Args:
        rows: the first few hundred; images may be paths, bytes, arrays, or ``{"bytes": ..., "path": ...}``.
    """
    columns = _columns(rows)
    found: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    # The surest first: what plays one part plays no other.
    for part, score in _SCORES.items():
        scored = {column.name: score(column) for column in columns if column.name not in found.values()}
        fitting = sorted((name for name in scored if scored[name] > 0), key=lambda name: -scored[name])
        if fitting:
            found[part], others[part] = fitting[0], fitting[1:]
    left = {part: [name for name in names if name not in found.values()] for part, names in others.items()}
    return Guess(found, left)


def is_image(value: Any) -> bool:
    """Whether a value looks like an image: bytes, pixels, or a path that ends as images do."""
    if isinstance(value, Mapping):
        return is_image(value.get("bytes") or value.get("path"))
    if isinstance(value, str):
        return os.path.splitext(value.partition("?")[0])[1].lower() in IMAGE_ENDINGS
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and (is_image(value[0]) or isinstance(value[0], (list, tuple)))
    return isinstance(value, (bytes, bytearray)) or getattr(value, "ndim", 0) >= 2


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[_Column]:
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in names}
    filled = {name: [value for value in held if not isinstance(value, str) or value] for name, held in values.items()}
    return [_Column(name, held, len(held) == len(rows)) for name, held in filled.items()]


def _image_score(column: _Column) -> float:
    if not column.values:
        return 0
    share = fmean(map(is_image, column.values))
    return share + column.rank("image") if share >= 0.5 else 0


def _split_score(column: _Column) -> float:
    values = {text.strip().lower() for text in column.texts}
    # A train is also a thing to see on pictures.
    fits = bool(values) and values <= _SPLIT_VALUES and (len(values) > 1 or column.rank("split") > 0)
    return 1 + column.rank("split") if fits else 0


def _id_score(column: _Column) -> float:
    return column.rank("id") if column.is_full and column.distinct == 1 else 0


def _split_by_score(column: _Column) -> float:
    is_told_apart = column.has_words and column.distinct > 0.5
    return column.rank("split_by") if column.texts and not is_told_apart else 0


def _label_score(column: _Column) -> float:
    """A name says more than values: where a catalogue is sorted by label, its first rows have but one."""
    if not column.texts or column.length > _MOST_LABEL_LENGTH:
        return 0
    few = 1 - column.distinct if len(set(column.texts)) > 1 else 0
    return column.rank("label") * 2 + few if few >= 0.5 or column.rank("label") else 0


def _description_score(column: _Column) -> float:
    if not column.is_text:
        return 0
    rank = column.rank("description")
    return rank * 2 + min(column.length / 1000, 1) if column.has_words or rank else 0


_SCORES = {
    "image": _image_score,
    "split": _split_score,
    "label": _label_score,
    "id": _id_score,
    "split_by": _split_by_score,
    "description": _description_score,
}
