"""Bags of words, which records hold as sparse vectors, in the forms that models take as input."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from diptych.models.inputs import IDS_INPUT, VALUES_INPUT

#: The input that holds a bag of words where it is one tensor, sparse or dense.
TEXT_INPUT = "description"


class BagOfWords(NamedTuple):
    """The bags of words of a batch of texts.

    Attributes:
        index: int64 ``[b, <=terms]``, the vocabulary indices of a text's terms.
        value: float32 of the same shape, the count or the tf-idf of each of these terms.
        terms: the size of the vocabulary.
    """

    index: tf.SparseTensor
    value: tf.SparseTensor
    terms: int


def padded_inputs(bag: BagOfWords) -> dict[str, tf.Tensor]:
    """The form that Diptych's networks take, as ``NetworkInputs`` describes it.

    Returns:
        ``IDS_INPUT``: int64 ``[b, k]``, indices plus one; ``VALUES_INPUT``: float32 ``[b, k]``. ``k`` is the number of
        terms of the batch's longest text, at least 1; shorter texts are filled up with 0.
    """
    rows, longest = tf.unstack(bag.index.dense_shape)
    shape = tf.stack([rows, tf.maximum(longest, 1)])

    def pad(values: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.scatter_nd(bag.index.indices, values, shape), [None, None])

    return {IDS_INPUT: pad(bag.index.values + 1), VALUES_INPUT: pad(bag.value.values)}


def sparse_inputs(bag: BagOfWords) -> dict[str, tf.SparseTensor]:
    """``TEXT_INPUT`` as ``tf.io.SparseFeature`` would parse it: float32 ``[b, terms]``."""
    indices = tf.stack([bag.index.indices[:, 0], bag.index.values], axis=1)
    shape = tf.stack([bag.index.dense_shape[0], tf.constant(bag.terms, tf.int64)])
    return {TEXT_INPUT: tf.SparseTensor(indices, bag.value.values, shape)}


def dense_inputs(bag: BagOfWords) -> dict[str, tf.Tensor]:
    """``TEXT_INPUT`` as a dense tensor: float32 ``[b, terms]``."""
    return {TEXT_INPUT: tf.ensure_shape(tf.sparse.to_dense(sparse_inputs(bag)[TEXT_INPUT]), [None, bag.terms])}
