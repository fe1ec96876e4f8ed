"""A bag of words has the same terms and values in every form."""

from __future__ import annotations

import tensorflow as tf

from diptych.models.decoders.bag_of_words import BagOfWords, dense_inputs, padded_inputs


def ragged(rows: list[list[float]], dtype: tf.DType) -> tf.SparseTensor:
    return tf.ragged.constant(rows, dtype=dtype, ragged_rank=1).to_sparse()


def test_sparse_counts_become_padded_or_dense() -> None:
    bag = BagOfWords(ragged([[0, 3], [], [1]], tf.int64), ragged([[1, 2], [], [5]], tf.float32), 4)
    assert dense_inputs(bag)["description"].numpy().tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [0, 5, 0, 0]]
    assert padded_inputs(bag)["description_ids"].numpy().tolist() == [[1, 4], [0, 0], [2, 0]]
    assert padded_inputs(bag)["description_values"].numpy().tolist() == [[1, 2], [0, 0], [5, 0]]
