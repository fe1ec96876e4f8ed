"""Text and labels: the ``preprocessing_fn`` that Transform analyses.

Tokens, n-grams and vocabulary are those of scikit-learn's ``CountVectorizer``: words of two or more letters, digits or
underscores; ``min_df`` counts documents, then ``max_features`` keeps the most frequent terms. Two details differ: among
terms of equal frequency at the cut another one may stay, and lower case follows Unicode's rules in ICU, not Python's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from models import features
from models.text.options import TextOptions

if TYPE_CHECKING:
    import tensorflow as tf

TEXT_OPTIONS_KEY = "text_options"

# Python's \w is str.isalnum or "_"; RE2's is ASCII.
_NON_WORD = r"[^\p{L}\p{N}_]+"
_ONE_CHARACTER = "[^ ]"
_MIN_TERM_FILTER = "description_min_df"


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Transform's entry point.

    Args:
        inputs: raw features; ``description`` and ``label`` are string ``[batch, 1]``.
        custom_config: ``text_options``, a ``TextOptions`` as JSON.

    Returns:
        ``description_index`` int64 and ``description_value`` float32, ``SparseTensor`` s ``[batch, <=terms]``: each
        term's place in the vocabulary, ascending, and its count; ``label_id`` int64 ``[batch]``, -1 for an unknown
        label.
    """
    import tensorflow_transform as tft

    options = TextOptions.model_validate_json(custom_config[TEXT_OPTIONS_KEY])
    index, value = bag_of_words(_column(inputs[features.DESCRIPTION]), options)
    label_id = tft.compute_and_apply_vocabulary(
        _column(inputs[features.LABEL]), vocab_filename=features.LABEL_VOCABULARY, default_value=-1
    )
    return {
        features.DESCRIPTION_INDEX: index,
        features.DESCRIPTION_VALUE: value,
        features.LABEL_ID: label_id,
    }


def bag_of_words(texts: tf.Tensor, options: TextOptions) -> tuple[tf.SparseTensor, tf.SparseTensor]:
    """Sparse term counts of string ``[batch]`` texts, over a vocabulary that Transform computes."""
    import tensorflow as tf
    import tensorflow_transform as tft

    terms = tokenize(texts, options)
    if options.min_df > 1:
        frequent = tft.vocabulary(
            _once_per_document(terms), frequency_threshold=options.min_df, vocab_filename=_MIN_TERM_FILTER
        )
        known = tft.apply_vocabulary(terms.flat_values, frequent, default_value=-1) >= 0
        terms = tf.ragged.boolean_mask(terms, terms.with_flat_values(known))
    vocabulary = tft.vocabulary(
        terms.flat_values, top_k=options.max_features, vocab_filename=features.DESCRIPTION_VOCABULARY
    )
    return _count(terms.with_flat_values(tft.apply_vocabulary(terms.flat_values, vocabulary, default_value=-1)))


def tokenize(texts: tf.Tensor, options: TextOptions) -> tf.RaggedTensor:
    """Terms of string ``[batch]`` texts, as ragged string ``[batch, None]``, in order and with repetitions."""
    import tensorflow as tf

    if options.lowercase:
        texts = tf.strings.lower(texts, encoding="utf-8")
    # Each word has its own space on both sides: dropping one leaves its neighbours whole.
    words = tf.strings.join([" ", tf.strings.regex_replace(texts, _NON_WORD, "  "), " "])
    # A phrase among the stop words equals no word.
    stop_words = [re.escape(word) for word in options.stop_word_list if " " not in word]
    dropped = "|".join([_ONE_CHARACTER, *stop_words])
    words = tf.strings.split(tf.strings.regex_replace(words, f" (?:{dropped}) ", ""))
    if options.ngrams == (1, 1):
        return words
    shortest, longest = options.ngrams
    return tf.strings.ngrams(words, list(range(shortest, longest + 1)), separator=" ")


def _column(values: Any) -> tf.Tensor:
    """String ``[batch, 1]``, or sparse ``[batch, <=1]`` where the schema gives no shape, as ``[batch]``."""
    import tensorflow as tf

    if isinstance(values, tf.SparseTensor):
        shape = [values.dense_shape[0], 1]
        values = tf.sparse.to_dense(tf.sparse.reset_shape(values, tf.cast(shape, tf.int64)), default_value="")
    return tf.reshape(values, [-1])


def _once_per_document(terms: tf.RaggedTensor) -> tf.Tensor:
    """Each term once for each document that holds it: TFT's threshold then counts documents."""
    import tensorflow as tf

    rows = tf.strings.as_string(terms.value_rowids())
    distinct, _ = tf.unique(tf.strings.join([rows, terms.flat_values], separator=" "))
    return tf.strings.regex_replace(distinct, "^[0-9]+ ", "", replace_global=False)


def _count(ids: tf.RaggedTensor) -> tuple[tf.SparseTensor, tf.SparseTensor]:
    """Sparse indices and counts of ragged ``[batch, None]`` ids, less those of unknown terms, which are -1."""
    import tensorflow as tf

    # Counting takes no negative number.
    counts = tf.sparse.bincount(ids + 1, axis=-1)
    counts = tf.sparse.retain(counts, counts.indices[:, 1] > 0)
    rows, terms = counts.indices[:, 0], counts.indices[:, 1] - 1
    index = tf.RaggedTensor.from_value_rowids(terms, rows, nrows=ids.nrows(), validate=False).to_sparse()
    return index, index.with_values(tf.cast(counts.values, tf.float32))
