"""Bags of words and sets of labels, sparse as they are stored, in the forms that models take."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from diptych.models.inputs import IDS_INPUT, VALUES_INPUT

#: The name of a bag of words that is one tensor.
TEXT_INPUT = "description"


class Bag(NamedTuple):
    """A batch of bags of words.

    Attributes:
        index: int64 ``[b, <=terms]``: places in the vocabulary.
        value: float32, of the same shape: what the term at that place counts.
        terms: size of the vocabulary.
    """

    index: tf.SparseTensor
    value: tf.SparseTensor
    terms: int


def padded(bag: Bag) -> dict[str, tf.Tensor]:
    """As our networks take it: ids int64 and values float32 ``[b, k]``; see ``NetworkInputs``."""
    rows, longest = tf.unstack(bag.index.dense_shape)
    shape = tf.stack([rows, tf.maximum(longest, 1)])

    def fill(values: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.scatter_nd(bag.index.indices, values, shape), [None, None])

    return {IDS_INPUT: fill(bag.index.values + 1), VALUES_INPUT: fill(bag.value.values)}


def sparse(bag: Bag) -> dict[str, tf.SparseTensor]:
    """As ``tf.io.SparseFeature`` gives it: float32 ``[b, terms]``."""
    places = tf.stack([bag.index.indices[:, 0], bag.index.values], axis=1)
    shape = tf.stack([bag.index.dense_shape[0], tf.constant(bag.terms, tf.int64)])
    return {TEXT_INPUT: tf.SparseTensor(places, bag.value.values, shape)}


def dense(bag: Bag) -> dict[str, tf.Tensor]:
    """Float32 ``[b, terms]``."""
    return {TEXT_INPUT: tf.ensure_shape(tf.sparse.to_dense(sparse(bag)[TEXT_INPUT]), [None, bag.terms])}


def many_hot(ids: tf.SparseTensor, classes: int) -> tf.Tensor:
    """Float32 ``[b, classes]``, 1 where one of the ids int64 ``[b, <=classes]`` is the class; -1 is none."""
    known = tf.sparse.retain(ids, ids.values >= 0)
    places = tf.stack([known.indices[:, 0], known.values], axis=1)
    shape = tf.stack([ids.dense_shape[0], tf.constant(classes, tf.int64)])
    hot = tf.scatter_nd(places, tf.ones_like(known.values, tf.float32), shape)
    return tf.ensure_shape(hot, [None, classes])
