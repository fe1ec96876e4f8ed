"""Texts become Transform's features, given a vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from diptych.models import features
from diptych.models.text.options import TextOptions
from diptych.models.text.ragged import count_values_by_row, mask_values, sparse_from_rows
from diptych.models.text.tokenizer import make_tokenizer
from diptych.models.text.vocabulary import escape_term

if TYPE_CHECKING:
    import tensorflow as tf

    from diptych.models.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class TextEncoder:
    """Encodes texts as scikit-learn does with the same options and vocabulary.

    Attributes:
        options: how.
        find: terms, spelled as in the vocabulary's file, string ``[n]``, to their indices int64 ``[n]``. Those of
            unknown terms are the vocabulary's size if they have a bucket, else -1.
        weigh: indices int64 ``[n]`` to inverse document frequencies float64 ``[n]``; only tf-idf asks for them.
    """

    options: TextOptions
    find: Callable[[tf.Tensor], tf.Tensor]
    weigh: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, texts: tf.Tensor) -> dict[str, Any]:
        """Encodes string ``[b]`` texts.

        Returns:
            For a bag of words ``description_index`` int64 and ``description_value`` float32, ``SparseTensor`` s
            ``[b, <=terms]``: the indices of a text's terms, ascending, and what each counts. For a sequence
            ``description_ids`` int64 ``[b, length]``: indices plus one, in the order of the text; 0 pads.
        """
        indices = self._indices(self._tokenize(texts))
        if self.options.encoding == "sequence":
            return {features.DESCRIPTION_IDS: self._sequence(indices)}
        index, value = self._bag(indices)
        return {features.DESCRIPTION_INDEX: index, features.DESCRIPTION_VALUE: value}

    @cached_property
    def _tokenize(self) -> Tokenizer:
        return make_tokenizer(self.options)

    def _indices(self, terms: tf.RaggedTensor) -> tf.RaggedTensor:
        """Ragged int64 ``[b, None]``, of the terms that have one."""
        indices = self.find(terms.flat_values)
        found = terms.with_flat_values(indices)
        return found if self.options.oov == "bucket" else mask_values(found, indices >= 0)

    def _sequence(self, indices: tf.RaggedTensor) -> tf.Tensor:
        return (indices + 1).to_tensor(shape=[None, self.options.length])

    def _bag(self, indices: tf.RaggedTensor) -> tuple[tf.SparseTensor, tf.SparseTensor]:
        import tensorflow as tf

        rows, terms, values = count_values_by_row(indices)
        if self.options.encoding == "binary":
            values = tf.ones_like(values)
        if self.options.encoding == "tfidf":
            values = self._normalize(tf.cast(values, tf.float64) * self.weigh(terms), rows, indices.nrows())
        index = sparse_from_rows(rows, terms, indices.nrows())
        return index, index.with_values(tf.cast(values, tf.float32))

    def _normalize(self, values: tf.Tensor, rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        if self.options.norm is None:
            return values
        parts = tf.abs(values) if self.options.norm == "l1" else values * values
        # It adds up in the order of the terms, as scikit-learn does.
        norms = tf.math.unsorted_segment_sum(parts, rows, count)
        return values / tf.gather(norms if self.options.norm == "l1" else tf.sqrt(norms), rows)


def make_text_encoder(
    options: TextOptions, vocabulary: Sequence[str], idf: Sequence[float] | None = None
) -> TextEncoder:
    """The encoder for a vocabulary at hand.

    Args:
        vocabulary: the terms, each in the place of its index.
        idf: their inverse document frequencies; only tf-idf needs them.

    Raises:
        ValueError: encoding is tfidf and there are not as many ``idf`` as terms.
    """
    import tensorflow as tf

    weights = np.array([] if idf is None else idf, np.float64)
    if options.encoding == "tfidf" and len(weights) != len(vocabulary):
        raise ValueError(f"tf-idf of {len(vocabulary)} terms needs as many idf, not {len(weights)}")
    lines = tf.constant([escape_term(term) for term in vocabulary], tf.string)
    initializer = tf.lookup.KeyValueTensorInitializer(lines, tf.range(len(vocabulary), dtype=tf.int64))
    unknown = len(vocabulary) if options.oov == "bucket" else -1
    table = tf.lookup.StaticHashTable(initializer, default_value=unknown)
    return TextEncoder(options, table.lookup, lambda indices: tf.gather(weights, indices))
