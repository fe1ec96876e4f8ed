"""Labels as vectors for a loss, and as names read straight from the records."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from diptych.models import features
from diptych.models.dataset import read_dataset
from diptych.models.labels import Task

_BATCH_SIZE = 1024


def multi_hot(ids: tf.SparseTensor, classes: int) -> tf.Tensor:
    """Turns the label ids of each record into a vector of zeros and ones.

    Args:
        ids: int64 ``[b, <=classes]``; -1 stands for an unknown label and sets no one.
        classes: the number of labels.

    Returns:
        float32 ``[b, classes]``.
    """
    known = tf.sparse.retain(ids, ids.values >= 0)
    indices = tf.stack([known.indices[:, 0], known.values], axis=1)
    shape = tf.stack([ids.dense_shape[0], tf.constant(classes, tf.int64)])
    vectors = tf.scatter_nd(indices, tf.ones_like(known.values, tf.float32), shape)
    return tf.ensure_shape(vectors, [None, classes])


def read_labels(files: Sequence[str], task: Task) -> list[tuple[str, ...]]:
    """Reads the label names of each record, in the order of the files; nothing else of a record is decoded.

    Returns:
        One tuple for each record; with task "multiclass" it holds exactly one name.

    Raises:
        DatasetError: as ``diptych.models.dataset.read_dataset``.
    """
    spec = {features.LABEL: tf.io.RaggedFeature(tf.string)}

    def parse(records: tf.Tensor) -> tf.RaggedTensor:
        return tf.io.parse_example(records, spec)[features.LABEL]

    batches = read_dataset(files, batch_size=_BATCH_SIZE, decode=parse)
    rows = [tuple(label.decode() for label in row) for batch in batches for row in batch.to_list()]
    return [row[:1] for row in rows] if task == "multiclass" else rows
