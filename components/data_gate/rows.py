"""What the gate's rules look at: the light features of a split, and what is derived of them."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.components.data_gate.findings import MAX_IDS
from diptych.models import features
from diptych.models.labels import Task
from diptych.models.tfrecords import list_split_files, read_records

#: Width by height. No feature of the record, because the two that it is made of are.
ASPECT = "image/aspect"
#: The writing system of most letters of the description.
SCRIPT = "description/script"

#: Numbers whose distribution is compared. A perceptual hash is a number only by its type.
NUMBERS = (
    features.WIDTH,
    features.HEIGHT,
    ASPECT,
    features.FILE_BYTES,
    features.BRIGHTNESS,
    features.CONTRAST,
    features.SHARPNESS,
    features.ENTROPY,
)
#: Features of few values, whose shares are compared.
CATEGORIES = (features.LABEL, features.FORMAT, features.ENCODING, SCRIPT)

NO_SCRIPT = "none"

_BATCH = 256
_STORED = tuple(name for name in NUMBERS if name != ASPECT)
_TEXTS = (features.ID, features.DESCRIPTION, features.SHA256, features.FORMAT, features.ENCODING)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A split in the order of its records.

    Attributes:
        texts: of each text feature but label and group, a text for each row.
        labels: the labels of each row.
        groups: of each row its group, else the digest of its pixels: what a split does not part.
        numbers: of each of ``NUMBERS`` float64 ``[rows]``.
        hashes: perceptual hashes, int64 ``[rows]``.
    """

    texts: dict[str, list[str]]
    labels: list[tuple[str, ...]]
    groups: list[str]
    numbers: dict[str, Floats]
    hashes: NDArray[np.int64]

    @property
    def ids(self) -> list[str]:
        return self.texts[features.ID]

    @cached_property
    def group_codes(self) -> NDArray[np.intp]:
        """int ``[rows]``, equal where groups are."""
        codes: NDArray[np.intp] = np.unique(np.array(self.groups, object), return_inverse=True)[1].reshape(-1)
        return codes

    @cached_property
    def effective(self) -> float:
        """How many independent rows tell as much: rows of a group come and go together.

        Kish's effective sample size, (sum g)^2 / sum g^2 over the sizes g of the groups (L. Kish, "Survey Sampling",
        1965).
        """
        sizes = np.bincount(self.group_codes)
        return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.size else 0.0

    @cached_property
    def scripts(self) -> list[str]:
        return [script_of(text) for text in self.texts[features.DESCRIPTION]]

    def category(self, name: str) -> list[tuple[str, ...]]:
        """The values of one of ``CATEGORIES``, row by row."""
        if name == features.LABEL:
            return self.labels
        return [(value,) for value in (self.scripts if name == SCRIPT else self.texts[name])]

    def ids_by_label(self) -> dict[str, list[str]]:
        """Label to the ids of its rows, in their order."""
        found: dict[str, list[str]] = defaultdict(list)
        for identity, labels in zip(self.ids, self.labels, strict=True):
            for label in labels:
                found[label].append(identity)
        return found

    def ids_where(self, holds: Callable[[tuple[str, ...]], bool], name: str) -> tuple[str, ...]:
        """Up to ``MAX_IDS`` rows of whose category's values something holds."""
        chosen = (identity for identity, values in zip(self.ids, self.category(name), strict=True) if holds(values))
        return tuple(identity for identity, _ in zip(chosen, range(MAX_IDS), strict=False))

    def ids_by(self, order: NDArray[Any], shown: NDArray[np.bool_]) -> tuple[str, ...]:
        """Up to ``MAX_IDS`` of the rows that are shown, those with the greatest value first.

        Args:
            order: ``[rows]``, what is sorted by.
            shown: bool ``[rows]``.
        """
        places = np.flatnonzero(shown)
        best = places[np.argsort(-order[places], kind="stable")]
        return tuple(self.ids[place] for place in best[:MAX_IDS])


def read_rows(examples_uri: str, split: str, task: Task) -> Rows:
    """Reads a split of an Examples artifact; pixels are not decoded."""
    texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
    labels: list[tuple[str, ...]] = []
    groups: list[str] = []
    numbers: dict[str, list[Floats]] = {name: [np.zeros(0)] for name in _STORED}
    hashes = [np.zeros(0, np.int64)]
    for batch in _batches(list_split_files(examples_uri, split), task):
        for name in _TEXTS:
            texts[name] += _decoded(batch[name].numpy())
        labels += [tuple(_decoded(row)) for row in _label_rows(batch[features.LABEL])]
        dense = tf.sparse.to_dense(batch[features.GROUP], default_value=b"").numpy()
        groups += [_text(row[0]) if len(row) and row[0] else "" for row in dense]
        for name in _STORED:
            numbers[name].append(batch[name].numpy().astype(np.float64))
        hashes.append(batch[features.PHASH].numpy())
    joined = {name: np.concatenate(parts) for name, parts in numbers.items()}
    joined[ASPECT] = joined[features.WIDTH] / np.maximum(joined[features.HEIGHT], 1)
    # A name and a digest are no two of a kind.
    known = [f"group {group}" if group else sha for group, sha in zip(groups, texts[features.SHA256], strict=True)]
    return Rows(texts, labels, known, joined, np.concatenate(hashes))


def _batches(files: list[str], task: Task) -> Iterator[dict[str, Any]]:
    spec = {**features.parsing_spec([*_TEXTS, *_STORED, features.PHASH, features.GROUP]), **features.label_spec(task)}
    yield from read_records(files).batch(_BATCH).map(lambda records: tf.io.parse_example(records, spec))


def _label_rows(labels: Any) -> list[list[bytes]]:
    if isinstance(labels, tf.RaggedTensor):
        return list(labels.to_list())
    return [[label] for label in labels.numpy()]


def _decoded(values: Iterable[bytes]) -> list[str]:
    return [_text(value) for value in values]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def script_of(text: str) -> str:
    """The writing system of most of a text's letters, as Unicode's names of them begin: LATIN, CYRILLIC, CJK, ...

    Without a letter it is ``NO_SCRIPT``.
    """
    counts = Counter(filter(None, map(_script_of_letter, text)))
    return counts.most_common(1)[0][0] if counts else NO_SCRIPT


@lru_cache(maxsize=1 << 16)
def _script_of_letter(character: str) -> str:
    if not character.isalpha():
        return ""
    return unicodedata.name(character, "UNNAMED").split()[0].split("-")[0]
