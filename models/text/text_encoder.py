"""Encodes texts as Transform's features, given a vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from diptych.models import features
from diptych.models.text.options import TextOptions
from diptych.models.text.ragged import count_values_by_row, mask_values, sparse_from_rows
from diptych.models.text.tokenizer import Tokenizer, make_tokenizer
from diptych.models.text.vocabulary import escape_term


@dataclass(frozen=True)
class TextEncoder:
    """Encodes texts exactly as scikit-learn does with the same options and vocabulary.

    Attributes:
        options: how texts are encoded.
        look_up_index: terms, escaped as in the vocabulary's file, string ``[n]``, to their indices int64 ``[n]``. The
            index of an unknown term is the vocabulary's size if there is a bucket for them, else -1.
        look_up_idf: indices int64 ``[n]`` to inverse document frequencies float64 ``[n]``; only called for tf-idf.
    """

    options: TextOptions
    look_up_index: Callable[[tf.Tensor], tf.Tensor]
    look_up_idf: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, texts: tf.Tensor) -> dict[str, Any]:
        """Encodes texts, string ``[b]``.

        Returns:
            For a bag of words ``description_index`` int64 and ``description_value`` float32, each a ``SparseTensor``
            ``[b, <=terms]``: the indices of a text's terms, ascending, and the count or tf-idf of each. For a sequence
            ``description_ids`` int64 ``[b, length]``: indices plus one in the order of the text, padded with 0.
        """
        indices = self._term_indices(self._tokenize(texts))
        if self.options.encoding == "sequence":
            return {features.DESCRIPTION_IDS: (indices + 1).to_tensor(shape=[None, self.options.length])}
        index, value = self._bag_of_words(indices)
        return {features.DESCRIPTION_INDEX: index, features.DESCRIPTION_VALUE: value}

    @cached_property
    def _tokenize(self) -> Tokenizer:
        return make_tokenizer(self.options)

    def _term_indices(self, terms: tf.RaggedTensor) -> tf.RaggedTensor:
        """The indices of terms, ragged int64 ``[b, None]``; terms without an index are left out."""
        indices = self.look_up_index(terms.flat_values)
        ragged = terms.with_flat_values(indices)
        return ragged if self.options.oov == "bucket" else mask_values(ragged, indices >= 0)

    def _bag_of_words(self, indices: tf.RaggedTensor) -> tuple[tf.SparseTensor, tf.SparseTensor]:
        rows, terms, values = count_values_by_row(indices)
        if self.options.encoding == "binary":
            values = tf.ones_like(values)
        if self.options.encoding == "tfidf":
            values = self._normalize(tf.cast(values, tf.float64) * self.look_up_idf(terms), rows, indices.nrows())
        index = sparse_from_rows(rows, terms, indices.nrows())
        return index, index.with_values(tf.cast(values, tf.float32))

    def _normalize(self, values: tf.Tensor, rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Divides values ``[n]`` by the norm of their row: ``rows`` ``[n]`` are the rows, ``count`` is their number."""
        if self.options.norm is None:
            return values
        addends = tf.abs(values) if self.options.norm == "l1" else values * values
        # This op adds in the order of the terms, as scikit-learn does, so that the sums are equal to the last bit.
        norms = tf.math.unsorted_segment_sum(addends, rows, count)
        return values / tf.gather(norms if self.options.norm == "l1" else tf.sqrt(norms), rows)


def make_text_encoder(
    options: TextOptions, vocabulary: Sequence[str], idf: Sequence[float] | None = None
) -> TextEncoder:
    """The encoder for a vocabulary that is known already.

    Args:
        vocabulary: the terms, sorted by index.
        idf: their inverse document frequencies; only needed for tf-idf.

    Raises:
        ValueError: the encoding is tfidf and there are not as many ``idf`` as terms.
    """
    weights = np.array([] if idf is None else idf, np.float64)
    if options.encoding == "tfidf" and len(weights) != len(vocabulary):
        raise ValueError(f"tf-idf of {len(vocabulary)} terms needs as many idf, not {len(weights)}")
    lines = tf.constant([escape_term(term) for term in vocabulary], tf.string)
    initializer = tf.lookup.KeyValueTensorInitializer(lines, tf.range(len(vocabulary), dtype=tf.int64))
    unknown = len(vocabulary) if options.oov == "bucket" else -1
    table = tf.lookup.StaticHashTable(initializer, default_value=unknown)
    return TextEncoder(options, table.lookup, lambda indices: tf.gather(weights, indices))
