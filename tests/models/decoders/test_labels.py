"""Labels are read from records, and become vectors."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from diptych.models.decoders.labels import multi_hot, read_labels
from tests.helpers import record_values, write_records


def test_labels_of_several_are_read_whole(tmp_path: Path) -> None:
    records = [record_values(0, label=["red", "round"]), record_values(1, label=["red"])]
    path = str(write_records(tmp_path / "data.tfrecord", records))
    assert read_labels([path], "multilabel") == [("red", "round"), ("red",)]


def ragged(rows: list[list[float]], dtype: tf.DType) -> tf.SparseTensor:
    return tf.ragged.constant(rows, dtype=dtype, ragged_rank=1).to_sparse()


def test_several_labels_become_many_hot_and_unknown_ones_nothing() -> None:
    assert multi_hot(ragged([[0, 2], [], [-1, 1]], tf.int64), 3).numpy().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert multi_hot(ragged([[], []], tf.int64), 2).numpy().tolist() == [[0, 0], [0, 0]]
