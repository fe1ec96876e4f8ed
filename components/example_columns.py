"""Reads stored examples column by column, without their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models import features
from diptych.models.tfrecords import read_records
from diptych.models.tracing import without_autograph

_BATCH = 512
_DTYPES = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}
_DEFAULTS = {"bytes": "", "int64": 0, "float": 0.0}


@dataclass(frozen=True)
class ExampleColumns:
    """Some examples, in the order of their records.

    Attributes:
        labels: the labels of each example.
        values: feature to ``[examples]``: str (object) for a bytes feature, else int64 or float32. Where an example
            lacks the feature, the text is empty and the number 0.
    """

    labels: list[tuple[str, ...]]
    values: Mapping[str, NDArray[Any]]


def read_columns(files: Sequence[str], names: Sequence[str], stride: int = 1) -> ExampleColumns:
    """Reads the labels and some other features of every ``stride``-th example.

    Args:
        files: TFRecord files.
        names: features of one value an example; neither the image nor the label.

    Raises:
        tf.errors.OpError: a file cannot be read, or holds something else than examples.
    """
    labels: list[tuple[str, ...]] = []
    parts: dict[str, list[NDArray[Any]]] = {name: [_empty(name)] for name in names}
    spec = _parsing_spec(names)
    batches = read_records(files).shard(stride, 0).batch(_BATCH)
    parse = without_autograph(lambda records: tf.io.parse_example(records, spec))
    for batch in batches.map(parse, tf.data.AUTOTUNE):
        labels += [tuple(map(_decode, row)) for row in batch[features.LABEL].to_list()]
        for name in names:
            parts[name].append(batch[name].numpy())
    columns = {name: np.concatenate(of_name) for name, of_name in parts.items()}
    return ExampleColumns(labels, {name: _decode_texts(column) for name, column in columns.items()})


def _kind(name: str) -> str:
    return features.RECORD_FEATURES[name].kind


def _empty(name: str) -> NDArray[Any]:
    return np.zeros(0, _DTYPES[_kind(name)].as_numpy_dtype)


def _parsing_spec(names: Sequence[str]) -> dict[str, Any]:
    spec = {name: tf.io.FixedLenFeature([], _DTYPES[_kind(name)], _DEFAULTS[_kind(name)]) for name in names}
    return {**spec, features.LABEL: tf.io.RaggedFeature(tf.string)}


def _decode_texts(column: NDArray[Any]) -> NDArray[Any]:
    return np.array([_decode(value) for value in column], object) if column.dtype == object else column


def _decode(value: bytes) -> str:
    return value.decode(errors="replace")
