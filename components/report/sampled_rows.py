"""The rows of a dataset without their pixels, evenly sampled; and the records of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.components.example_columns import ExampleColumns, read_columns
from diptych.models import features
from diptych.models.counts import pluralize
from diptych.models.errors import DatasetError
from diptych.models.tfrecords import list_split_files, read_records
from diptych.models.tracing import without_autograph

#: The number of rows that are read. Of a larger dataset every second row of each split is read, or every third and so
#: on.
MAX_ROWS = 50_000

_BATCH = 512

#: Measurements whose extreme values show faulty images.
IMAGE_MEASUREMENTS = (
    features.BRIGHTNESS,
    features.CONTRAST,
    features.SHARPNESS,
    features.ENTROPY,
    features.FILE_BYTES,
)
_FEATURES = (
    features.ID,
    features.DESCRIPTION,
    features.GROUP,
    features.SHA256,
    features.FORMAT,
    features.PHASH,
    features.WIDTH,
    features.HEIGHT,
    *IMAGE_MEASUREMENTS,
)


@dataclass(frozen=True)
class SampledRows:
    """Some rows, column by column.

    Attributes:
        total: the number of rows of the dataset.
        split: ``[rows]``, the split of each row.
        place: int64 ``[rows]``, the index of each row in its split.
        labels: the labels of each row.
        values: feature to ``[rows]``. If a row has no value, it is an empty text or 0.
    """

    total: int
    split: NDArray[Any]
    place: NDArray[np.int64]
    labels: Sequence[tuple[str, ...]]
    values: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.place)

    def indices_of(self, split: str) -> NDArray[np.int64]:
        """The indices of a split's rows among these rows."""
        return np.flatnonzero(self.split == split)


def read_sampled_rows(examples_uri: str, counts: Mapping[str, int]) -> SampledRows:
    """Reads about ``MAX_ROWS`` rows, evenly spread over the splits, or all rows if there are fewer.

    Args:
        counts: split to number of records.

    Raises:
        tf.errors.OpError: a file cannot be read, or holds something else than examples.
        DatasetError: a split has more or fewer records than ``counts`` says.
    """
    total = sum(counts.values())
    stride = max(1, -(-total // MAX_ROWS))
    parts: dict[str, ExampleColumns] = {}
    for split, count in counts.items():
        parts[split] = read_columns(list_split_files(examples_uri, split), _FEATURES, stride)
        if len(parts[split].labels) != -(-count // stride):
            raise DatasetError(f"split '{split}' has not the {pluralize(count, 'record')} that the account says")
    lengths = [len(part.labels) for part in parts.values()]
    return SampledRows(
        total,
        split=np.repeat(np.array(list(parts), object), lengths),
        place=np.concatenate([np.arange(length, dtype=np.int64) * stride for length in lengths]),
        labels=[labels for part in parts.values() for labels in part.labels],
        values={name: np.concatenate([part.values[name] for part in parts.values()]) for name in _FEATURES},
    )


def read_records_at(files: Sequence[str], places: Sequence[int]) -> Iterator[bytes]:
    """Reads the serialised records at some places, in ascending order of the places.

    Args:
        places: indices over the records of all files together.

    Raises:
        tf.errors.OpError: a file cannot be read.
    """
    if not places or not files:
        return
    wanted = np.zeros(max(places) + 1, bool)
    wanted[list(places)] = True
    mask = tf.constant(wanted)

    def select(number: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
        start = number * _BATCH
        return tf.boolean_mask(records, mask[start : start + tf.shape(records, tf.int64)[0]])

    batches = read_records(files).take(len(wanted)).batch(_BATCH).enumerate()
    batches = batches.map(without_autograph(select), tf.data.AUTOTUNE)
    yield from batches.unbatch().as_numpy_iterator()
