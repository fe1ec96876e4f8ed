"""Infers which column of a catalogue has the image, the label and so on, by its name and its first values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.components.catalogue.readers.written_lists import written_items
from diptych.components.catalogue.split_names import is_answer, is_short, question_of_column, split_of_value

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

# Fewer groups than splits would leave a split empty.
_MIN_GROUPS = 3
# More are ids, such as Train_0, Train_1 and so on.
_MAX_SPLIT_NAMES = 20
# A list of fewer lists is no picture, but a list of boxes or points.
_MIN_PIXEL_ROWS = 8
# The mean number of characters in labels is at most this.
_MAX_LABEL_LENGTH = 60
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


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

    @property
    def label_texts(self) -> Sequence[str]:
        """As ``texts``, with the items of lists, also of those that are written as text."""
        found: list[Any] = []
        for value in self.values:
            items = written_items(value)
            found += [value] if items is None else items
        return [str(value) for value in found if isinstance(value, (str, int, float))]

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
    def are_numbers(self) -> bool:
        """Whether all values, or the items of lists, are numbers or texts of numbers."""
        return bool(self.label_texts) and all(_NUMBER.fullmatch(text.strip()) for text in self.label_texts)

    @property
    def has_words(self) -> bool:
        """Whether at least half of the values have more than one word."""
        return bool(self.texts) and fmean(" " in text.strip() for text in self.texts) >= 0.5

    @property
    def is_text(self) -> bool:
        """Whether every value is a text, and there is one."""
        return bool(self.values) and all(isinstance(value, str) for value in self.values)


def words_of_column(name: str) -> list[str]:
    """The words of a column's name, in lower case: ``image`` and ``path`` of ``imagePath2``."""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def score_name(name: str, role: str) -> float:
    """How well a column's name fits a role: 1 is best, 0 is not at all.

    Args:
        role: a key of ``ROLE_WORDS``.
    """
    words, known = words_of_column(name), ROLE_WORDS[role]
    whole = "_".join(words)
    places = [place + (0 if word == whole else 0.5) for place, word in enumerate(known) if word in (whole, *words)]
    return 1 - min(places) / (len(known) + 1) if places else 0


def infer_columns(rows: Sequence[Mapping[str, Any]]) -> InferredColumns:
    """Infers the roles of the columns.

    Args:
        rows: the first few hundred rows, each from column to value; an image may be a path, bytes, an array, or
            ``{"bytes": ..., "path": ...}`` as in Parquet files of Hugging Face.
    """
    columns = _columns(rows)
    by_name = {column.name: column for column in columns}
    found: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    # A column has one role only, so the roles that are easiest to tell come first.
    for role, score in _SCORES.items():
        scored = {column.name: score(column) for column in columns if column.name not in found.values()}
        fitting = sorted((name for name in scored if scored[name] > 0), key=lambda name: -scored[name])
        if role == "split_by" and "label" in found:
            # All rows of a class would be of one split.
            fitting = [name for name in fitting if not _decides(by_name[found["label"]], by_name[name])]
        if fitting and role == "label":
            fitting = _of_labels(fitting, by_name)
        if fitting:
            found[role], others[role] = fitting[0], fitting[1:]
    left = {role: [name for name in names if name not in found.values()] for role, names in others.items()}
    return InferredColumns(found, left)


def _of_labels(fitting: Sequence[str], columns: Mapping[str, _Column]) -> list[str]:
    """The columns that fit the label: names of numbers before these numbers; and no other numbers.

    Numbers such as coordinates are a label only if their column is named like one, or there is no better column.
    """
    chosen = columns[fitting[0]]
    named = [name for name in fitting[1:] if _names_numbers(columns[name], chosen)]
    others = [name for name in fitting[1:] if not columns[name].are_numbers or score_name(columns[name].name, "label")]
    return [*named, fitting[0], *(name for name in others if name not in named)]


def _names_numbers(column: _Column, numbers: _Column) -> bool:
    """Whether a column named like a label has a name of its own for each number of another one."""
    if not (numbers.are_numbers and score_name(column.name, "label")) or column.are_numbers:
        return False
    names, texts = column.label_texts, numbers.label_texts
    pairs = set(zip(names, texts, strict=False))
    return len(names) == len(texts) and 1 < len(pairs) == len(set(names)) == len(set(texts)) < len(names)


def _decides(column: _Column, other: _Column) -> bool:
    """Whether rows that are equal in a column are equal in another one too."""
    values, others = column.label_texts, other.label_texts
    return len(values) == len(others) and len(set(values)) == len(set(zip(values, others, strict=True)))


def is_image(value: Any) -> bool:
    """Whether a value looks like an image: bytes, pixels, or a path that ends as images do."""
    if isinstance(value, Mapping):
        return is_image(value.get("bytes") or value.get("path"))
    if isinstance(value, str):
        return has_image_ending(value)
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and (is_image(value[0]) or _are_pixels(value))
    return isinstance(value, (bytes, bytearray)) or getattr(value, "ndim", 0) >= 2


def _are_pixels(rows: Sequence[Any]) -> bool:
    """Whether lists in lists may be pixels."""
    first = rows[0]
    if not isinstance(first, (list, tuple)):
        return False
    return len(rows) >= _MIN_PIXEL_ROWS or (len(first) > 0 and isinstance(first[0], (list, tuple)))


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
    return share + score_name(column.name, "image") if share >= 0.5 else 0


def _split_score(column: _Column) -> float:
    values = {text.strip().lower() for text in column.texts}
    are_splits = bool(values) and all(map(split_of_value, values))
    if question_of_column(column.name) and values and all(map(is_answer, values)):
        return 1
    # A column with nothing but "train" in it may as well be the label of pictures of trains; "te" is a language.
    is_clear = len(values) > 1 and not any(map(is_short, values))
    fits = are_splits and (is_clear or score_name(column.name, "split") > 0) and len(values) <= _MAX_SPLIT_NAMES
    return 1 + score_name(column.name, "split") if fits else 0


def _id_score(column: _Column) -> float:
    return score_name(column.name, "id") if column.is_full and column.distinct == 1 else 0


def _split_by_score(column: _Column) -> float:
    is_description = column.has_words and column.distinct > 0.5
    are_groups = len(set(column.texts)) >= _MIN_GROUPS
    return score_name(column.name, "split_by") if are_groups and not is_description else 0


def _label_score(column: _Column) -> float:
    """The name counts more than the values, and of columns without a name that says it, the first one is taken."""
    texts = column.label_texts
    if not texts or fmean(map(len, texts)) > _MAX_LABEL_LENGTH:
        return 0
    repetition = 1 - len(set(texts)) / len(texts) if len(set(texts)) > 1 else 0
    name = score_name(column.name, "label")
    # Fewer classes are no better sign of a label.
    return name * 2 + min(repetition, 0.5) if repetition >= 0.5 or name else 0


def _description_score(column: _Column) -> float:
    # What all rows share describes none of them, unless the column is there for that.
    is_shared = len(column.values) > 1 and len(set(column.texts)) == 1
    if not column.is_text or (is_shared and column.name.lower() not in ROLE_WORDS["description"]):
        return 0
    name = score_name(column.name, "description")
    return name * 2 + min(column.length / 1000, 1) if column.has_words or name else 0


_SCORES = {
    "image": _image_score,
    "split": _split_score,
    "label": _label_score,
    "id": _id_score,
    "split_by": _split_by_score,
    "description": _description_score,
}
