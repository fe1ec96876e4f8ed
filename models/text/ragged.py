"""Operations on ragged tensors that TensorFlow does not have, or has only in a slower form."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def mask_values(ragged: tf.RaggedTensor, mask: tf.Tensor) -> tf.RaggedTensor:
    """Keeps some values of a ragged tensor and all of its rows.

    Args:
        ragged: shape ``[b, None]``.
        mask: bool ``[n]``, one for each of the tensor's ``flat_values``; True keeps the value.
    """
    import tensorflow as tf

    kept = tf.where(mask)[:, 0]
    return tf.RaggedTensor.from_value_rowids(
        tf.gather(ragged.flat_values, kept),
        tf.gather(ragged.value_rowids(), kept),
        nrows=ragged.nrows(),
        validate=False,
    )


def count_values_by_row(ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Counts how often each id occurs in each row.

    Args:
        ids: ragged int64 ``[b, None]``, no id negative.

    Returns:
        Row numbers, ids and counts, each int64 ``[n]``, with one entry for each distinct id of a row. They are sorted
        by row, then by id.
    """
    import tensorflow as tf

    # An empty row at the end, because TensorFlow fails where there is no row at all.
    splits = tf.concat([ids.row_splits, ids.row_splits[-1:]], 0)
    counts = tf.sparse.bincount(tf.RaggedTensor.from_row_splits(ids.values, splits, validate=False), axis=-1)
    return counts.indices[:, 0], counts.indices[:, 1], counts.values


def sparse_from_rows(rows: tf.Tensor, values: tf.Tensor, count: tf.Tensor) -> tf.SparseTensor:
    """Puts values into the rows of a ``SparseTensor``, from the left.

    Args:
        rows: int64 ``[n]``, the row of each value, ascending.
        values: ``[n]``.
        count: the number of rows.

    Returns:
        Shape ``[count, <=n]``.
    """
    import tensorflow as tf

    return tf.RaggedTensor.from_value_rowids(values, rows, nrows=count, validate=False).to_sparse()


def pad_rows(ragged: tf.RaggedTensor) -> tf.Tensor:
    """The rows, each filled up with 0 to the length of the longest one, or to 1 if all are empty: ``[b, k]``."""
    import tensorflow as tf

    padded = ragged.to_tensor()
    padded = tf.cond(tf.shape(padded)[1] > 0, lambda: padded, lambda: tf.pad(padded, [[0, 0], [0, 1]]))
    return tf.ensure_shape(padded, [None, None])
