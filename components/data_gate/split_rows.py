"""What the gate's rules look at: the features of a split without pixels, and what is derived from them.

``diptych check`` applies the rules too, so neither this module nor any rule but that about anomalies imports TFX or
TensorFlow.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.data_gate.findings import MAX_IDS
from diptych.components.unicode_scripts import letter_script
from diptych.models import features

#: Width divided by height. The records do not hold it: it follows from two features that they do hold.
ASPECT = "image/aspect"
#: The script of most letters of the description.
SCRIPT = "description/script"

#: Numbers whose distributions are compared. A perceptual hash is stored as a number, but its size means nothing.
NUMERIC_FEATURES = (
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
CATEGORICAL_FEATURES = (features.LABEL, features.FORMAT, features.ENCODING, SCRIPT)

#: The script of a text without letters.
NO_SCRIPT = "none"

#: The features of the stored record that a row is made of, besides its labels.
STORED_NUMBERS = tuple(name for name in NUMERIC_FEATURES if name != ASPECT)
STORED_TEXTS = (features.ID, features.DESCRIPTION, features.SHA256, features.FORMAT, features.ENCODING)
ROW_FEATURES = (*STORED_TEXTS, *STORED_NUMBERS, features.GROUP, features.PHASH)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SplitRows:
    """The rows of a split, column by column, in the order of their records.

    Attributes:
        texts: feature to the text of each row, for every bytes feature but label and group.
        labels: the labels of each row.
        groups: the group of each row, or the digest of its pixels if it has no group. Rows of one group are always in
            the same split.
        numbers: each of ``NUMERIC_FEATURES`` to float64 ``[rows]``.
        hashes: perceptual hashes, int64 ``[rows]``.
    """

    texts: dict[str, list[str]]
    labels: list[tuple[str, ...]]
    groups: list[str]
    numbers: dict[str, Floats]
    hashes: NDArray[np.int64]

    @property
    def ids(self) -> list[str]:
        """The id of each row."""
        return self.texts[features.ID]

    @cached_property
    def group_numbers(self) -> NDArray[np.intp]:
        """A number for the group of each row, int ``[rows]``."""
        numbers: NDArray[np.intp] = np.unique(np.array(self.groups, object), return_inverse=True)[1].reshape(-1)
        return numbers

    @cached_property
    def effective_sample_size(self) -> float:
        """The number of independent rows that would tell as much: rows of one group depend on each other.

        Kish's effective sample size, (sum g)^2 / sum g^2 over the sizes g of the groups (L. Kish, "Survey Sampling",
        1965).
        """
        sizes = np.bincount(self.group_numbers)
        return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.size else 0.0

    @cached_property
    def scripts(self) -> list[str]:
        """The script of each description."""
        return [text_script(text) for text in self.texts[features.DESCRIPTION]]

    def category_values(self, name: str) -> list[tuple[str, ...]]:
        """The values of one of ``CATEGORICAL_FEATURES`` in each row."""
        if name == features.LABEL:
            return self.labels
        return [(value,) for value in (self.scripts if name == SCRIPT else self.texts[name])]

    def ids_by_label(self) -> dict[str, list[str]]:
        """Label to the ids of its rows, in the order of the rows."""
        found: dict[str, list[str]] = defaultdict(list)
        for row_id, labels in zip(self.ids, self.labels, strict=True):
            for label in labels:
                found[label].append(row_id)
        return found

    def ids_where(self, condition: Callable[[tuple[str, ...]], bool], name: str) -> tuple[str, ...]:
        """The ids of the first ``MAX_IDS`` rows whose values of a categorical feature meet a condition."""
        rows = zip(self.ids, self.category_values(name), strict=True)
        return tuple(islice((row_id for row_id, values in rows if condition(values)), MAX_IDS))

    def ids_of_greatest(self, scores: NDArray[Any], eligible: NDArray[np.bool_]) -> tuple[str, ...]:
        """The ids of up to ``MAX_IDS`` eligible rows, those of the greatest scores first.

        Args:
            scores: ``[rows]``.
            eligible: bool ``[rows]``.
        """
        places = np.flatnonzero(eligible)
        best = places[np.argsort(-scores[places], kind="stable")]
        return tuple(self.ids[place] for place in best[:MAX_IDS])


def make_split_rows(labels: list[tuple[str, ...]], values: Mapping[str, NDArray[Any]]) -> SplitRows:
    """The rows of a split.

    Args:
        labels: the labels of each row.
        values: each of ``ROW_FEATURES`` to ``[rows]``: str (object) or numbers. A row without a group has an empty one.
    """
    texts = {name: values[name].tolist() for name in STORED_TEXTS}
    numbers = {name: values[name].astype(np.float64) for name in STORED_NUMBERS}
    numbers[ASPECT] = numbers[features.WIDTH] / np.maximum(numbers[features.HEIGHT], 1)
    # The prefix keeps a group apart from a digest that happens to be spelled alike.
    groups = [
        f"group {group}" if group else digest
        for group, digest in zip(values[features.GROUP], texts[features.SHA256], strict=True)
    ]
    return SplitRows(texts, labels, groups, numbers, values[features.PHASH].astype(np.int64))


def stride_over(parts: Sequence[SplitRows], most: int) -> int:
    """Every so many rows one is taken, so that of all parts together they are at most about ``most``."""
    return max(1, -(-sum(len(rows.ids) for rows in parts) // most))


def fold_of(group: str, folds: int) -> int:
    """The fold of a row, from 0, by its group. It does not go by the rows' order: every third may be of one label."""
    return zlib.crc32(group.encode(errors="replace")) % folds


def text_script(text: str) -> str:
    """The script of most letters of a text, in capitals; ``NO_SCRIPT`` for a text without letters."""
    counts = Counter(letter_script(character) for character in text if character.isalpha())
    return counts.most_common(1)[0][0] if counts else NO_SCRIPT
