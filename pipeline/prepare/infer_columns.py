"""Infers which column of a catalogue has the image, the label and so on, by its name and its first values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from diptych.components.catalogue.readers.row_files import IMAGE_EXTENSIONS
from diptych.models.features import SPLITS

#: The roles that a column can have, each with the words that names of such columns contain, the best word first.
ROLE_WORDS: Mapping[str, Sequence[str]] = {
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
#: The roles that some column of every catalogue must have.
REQUIRED_ROLES = ("image", "description", "label")

_SPLIT_VALUES = frozenset({*SPLITS, "training", "valid", "validation", "dev", "eval", "evaluation", "testing"})
# The mean number of characters in labels is at most this.
_MAX_LABEL_LENGTH = 60


@dataclass(frozen=True)
class InferredColumns:
    """The most likely column for each role.

    Attributes:
        columns: role (a key of ``ROLE_WORDS``) to the name of the column; roles that no column fits are left out.
        alternatives: role to the names of the other columns that fit it, best first.
    """

    columns: Mapping[str, str]
    alternatives: Mapping[str, Sequence[str]]

    @property
    def missing(self) -> list[str]:
        """The required roles that no column fits."""
        return [role for role in REQUIRED_ROLES if role not in self.columns]


@dataclass(frozen=True)
class _Column:
    """A column in the first rows of a catalogue.

    Attributes:
        values: the values that are neither missing nor an empty text.
        is_full: whether every row has such a value.
    """

    name: str
    values: Sequence[Any]
    is_full: bool

    @property
    def texts(self) -> list[str]:
        """The values that are texts or numbers, as texts."""
        return [str(value) for value in self.values if isinstance(value, (str, int, float))]

    def score_name(self, role: str) -> float:
        """How well the column's name fits a role: 1 is best, 0 is not at all."""
        words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower())
        known = ROLE_WORDS[role]
        whole = "_".join(words)
        places = [place + (0 if word == whole else 0.5) for place, word in enumerate(known) if word in (whole, *words)]
        return 1 - min(places) / (len(known) + 1) if places else 0

    @property
    def distinct(self) -> float:
        """The number of different values divided by the number of values, 0 to 1."""
        texts = self.texts
        return len(set(texts)) / len(texts) if texts else 0

    @property
    def length(self) -> float:
        """The mean number of characters."""
        return fmean(map(len, self.texts)) if self.texts else 0

    @property
    def has_words(self) -> bool:
        """Whether at least half of the values have more than one word."""
        return bool(self.texts) and fmean(" " in text.strip() for text in self.texts) >= 0.5

    @property
    def is_text(self) -> bool:
        """Whether every value is a text, and there is one."""
        return bool(self.values) and all(isinstance(value, str) for value in self.values)


def infer_columns(rows: Sequence[Mapping[str, Any]]) -> InferredColumns:
    """Infers the roles of the columns.

    Args:
        rows: the first few hundred rows, each from column to value; an image may be a path, bytes, an array, or
            ``{"bytes": ..., "path": ...}`` as in Parquet files of Hugging Face.
    """
    columns = _columns(rows)
    found: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    # A column has one role only, so the roles that are easiest to tell come first.
    for role, score in _SCORES.items():
        scored = {column.name: score(column) for column in columns if column.name not in found.values()}
        fitting = sorted((name for name in scored if scored[name] > 0), key=lambda name: -scored[name])
        if fitting:
            found[role], others[role] = fitting[0], fitting[1:]
    left = {role: [name for name in names if name not in found.values()] for role, names in others.items()}
    return InferredColumns(found, left)


def is_image(value: Any) -> bool:
    """Whether a value looks like an image: bytes, pixels, or a path that ends as images do."""
    if isinstance(value, Mapping):
        return is_image(value.get("bytes") or value.get("path"))
    if isinstance(value, str):
        return os.path.splitext(value.partition("?")[0])[1].lower() in IMAGE_EXTENSIONS
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
    return share + column.score_name("image") if share >= 0.5 else 0


def _split_score(column: _Column) -> float:
    values = {text.strip().lower() for text in column.texts}
    # A column with nothing but "train" in it may as well be the label of pictures of trains.
    fits = bool(values) and values <= _SPLIT_VALUES and (len(values) > 1 or column.score_name("split") > 0)
    return 1 + column.score_name("split") if fits else 0


def _id_score(column: _Column) -> float:
    return column.score_name("id") if column.is_full and column.distinct == 1 else 0


def _split_by_score(column: _Column) -> float:
    is_description = column.has_words and column.distinct > 0.5
    return column.score_name("split_by") if column.texts and not is_description else 0


def _label_score(column: _Column) -> float:
    """The name counts more than the values: a catalogue may be sorted by label, and its first rows have only one."""
    if not column.texts or column.length > _MAX_LABEL_LENGTH:
        return 0
    repetition = 1 - column.distinct if len(set(column.texts)) > 1 else 0
    name = column.score_name("label")
    return name * 2 + repetition if repetition >= 0.5 or name else 0


def _description_score(column: _Column) -> float:
    if not column.is_text:
        return 0
    name = column.score_name("description")
    return name * 2 + min(column.length / 1000, 1) if column.has_words or name else 0


_SCORES = {
    "image": _image_score,
    "split": _split_score,
    "label": _label_score,
    "id": _id_score,
    "split_by": _split_by_score,
    "description": _description_score,
}
