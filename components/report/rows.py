"""The rows of a dataset without their pixels, read once; and the records of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models import features
from diptych.models.errors import DatasetError
from diptych.models.tfrecords import list_split_files, read_records

#: More rows than these are not all read: of every split each second row, each third and so on.
ROWS_READ = 50_000

_BATCH = 512
_TEXTS = (features.ID, features.DESCRIPTION, features.GROUP, features.SHA256, features.FORMAT)
#: What a person would look at the extreme values of.
HEALTH = (
    features.BRIGHTNESS,
    features.CONTRAST,
    features.SHARPNESS,
    features.ENTROPY,
    features.FILE_BYTES,
)
_INTEGERS = (features.PHASH, features.WIDTH, features.HEIGHT, features.FILE_BYTES)
_FLOATS = (features.BRIGHTNESS, features.CONTRAST, features.SHARPNESS, features.ENTROPY)


@dataclass(frozen=True)
class Rows:
    """Some rows, by column.

    Attributes:
        total: rows of the dataset, of which these were read.
        split: ``[rows]`` names.
        place: int64 ``[rows]``, of the record in its split.
        labels: each row's.
        values: feature to ``[rows]``; texts as str. An absent text is empty, an absent number 0.
    """

    total: int
    split: NDArray[Any]
    place: NDArray[np.int64]
    labels: Sequence[tuple[str, ...]]
    values: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.place)

    def of(self, split: str) -> NDArray[np.int64]:
        """The numbers of a split's rows."""
        return np.flatnonzero(self.split == split)


def read_rows(examples_uri: str, counts: Mapping[str, int]) -> Rows:
    """Reads at most about ``ROWS_READ`` rows, evenly spread.

    Args:
        counts: split to number of records.

    Raises:
        tf.errors.OpError: a file cannot be read, or is no TFRecord file of records.
        ValueError: a split has not as many records as ``counts`` says.
    """
    total = sum(counts.values())
    stride = max(1, -(-total // ROWS_READ))
    parts = [_read_split(list_split_files(examples_uri, split), split, stride) for split in counts]
    for split, places, *_ in parts:
        if len(places) != -(-counts[split] // stride):
            raise DatasetError(f"split '{split}' has not the {counts[split]:,} records that the account says")
    return Rows(
        total,
        np.concatenate([np.full(len(places), split, object) for split, places, _, _ in parts]),
        np.concatenate([places for _, places, _, _ in parts]),
        [row for _, _, labels, _ in parts for row in labels],
        {name: np.concatenate([values[name] for *_, values in parts]) for name in (*_TEXTS, *_INTEGERS, *_FLOATS)},
    )


def _read_split(
    files: Sequence[str], split: str, stride: int
) -> tuple[str, NDArray[np.int64], list[Any], dict[str, Any]]:
    found: dict[str, list[Any]] = {name: [] for name in (*_TEXTS, *_INTEGERS, *_FLOATS)}
    labels: list[tuple[str, ...]] = []
    records = (
        read_records(files).shard(stride, 0)
        if files
        else tf.data.Dataset.from_tensor_slices(tf.constant([], tf.string))
    )
    spec = _spec()
    for batch in records.batch(_BATCH).map(lambda some: tf.io.parse_example(some, spec), tf.data.AUTOTUNE):
        labels += [tuple(map(_text, row)) for row in batch[features.LABEL].to_list()]
        for name, values in found.items():
            values.append(batch[name].numpy())
    columns = {name: np.concatenate(values) if values else np.array([]) for name, values in found.items()}
    for name in _TEXTS:
        columns[name] = np.array([_text(value) for value in columns[name]], object)
    return split, np.arange(len(labels), dtype=np.int64) * stride, labels, columns


def _spec() -> dict[str, Any]:
    spec: dict[str, Any] = {name: tf.io.FixedLenFeature([], tf.string, "") for name in _TEXTS}
    spec |= {name: tf.io.FixedLenFeature([], tf.int64, 0) for name in _INTEGERS}
    spec |= {name: tf.io.FixedLenFeature([], tf.float32, 0.0) for name in _FLOATS}
    return {**spec, features.LABEL: tf.io.RaggedFeature(tf.string)}


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def read_at(files: Sequence[str], places: Sequence[int]) -> Iterator[bytes]:
    """The serialised records in these places, in ascending order of them; the others are only skipped over.

    Raises:
        tf.errors.OpError: a file cannot be read.
    """
    if not places or not files:
        return
    wanted = np.zeros(max(places) + 1, bool)
    wanted[list(places)] = True
    mask = tf.constant(wanted)

    def pick(number: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
        start = number * _BATCH
        return tf.boolean_mask(records, mask[start : start + tf.shape(records, tf.int64)[0]])

    batches = read_records(files).take(len(wanted)).batch(_BATCH).enumerate().map(pick, tf.data.AUTOTUNE)
    yield from batches.unbatch().as_numpy_iterator()
