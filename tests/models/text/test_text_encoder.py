"""With the same options and vocabulary, every text is encoded as scikit-learn encodes it.

The texts are the 3,394 emoji descriptions, 502 generated texts of many scripts, and those that hypothesis finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models import features
from diptych.models.text.options import TextOptions
from diptych.models.text.text_encoder import make_text_encoder
from diptych.models.text.tokenizer import make_tokenizer
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import unescape_term
from tests.models.text.corpora import any_text, emoji_descriptions, generated_texts

ENCODINGS: list[dict[str, Any]] = [
    {"encoding": "counts"},
    {"encoding": "binary"},
    {"encoding": "tfidf"},
    {"encoding": "tfidf", "norm": "l1", "smooth_idf": False},
    {"encoding": "tfidf", "norm": None},
    {"encoding": "sequence", "length": 9},
]
TERM_OPTIONS: list[dict[str, Any]] = [
    {},
    {"ngrams": (1, 3), "stop_words": "english"},
    {"lowercase": False, "ngrams": (2, 2), "max_features": None},
    {"strip_accents": "unicode", "stop_words": ("the", "facé", "c++", "a b"), "min_df": 2},
    {"strip_accents": "ascii", "max_df": 0.2, "min_df": 0.001},
    {"token_pattern": r"\S+", "strip_accents": "unicode"},
    {"token_pattern": r"(?:[^\W\d_]|-)+", "ngrams": (1, 2)},
    {"token_pattern": r"\b[^\W\d_]\w*\b"},
    {"analyzer": "char"},
    {"analyzer": "char", "ngrams": (1, 3), "lowercase": False},
    {"analyzer": "char", "ngrams": (7, 8), "strip_accents": "unicode"},
    {"analyzer": "char_wb", "ngrams": (1, 4)},
    {"analyzer": "char_wb", "ngrams": (6, 8), "strip_accents": "ascii", "min_df": 2},
]


# One for each analyzer.
SOME_TERM_OPTIONS = [TERM_OPTIONS[0], TERM_OPTIONS[9], TERM_OPTIONS[11]]


def all_options(term_options: Sequence[dict[str, Any]], encodings: Sequence[dict[str, Any]]) -> list[TextOptions]:
    """Each of the term options with each encoding."""
    return [_options(terms, encoding) for terms in term_options for encoding in encodings]


def _options(terms: dict[str, Any], encoding: dict[str, Any]) -> TextOptions:
    # The terms of a sequence must all have the same length.
    longest = terms.get("ngrams", (1, 1))[1]
    one_length = {"ngrams": (longest, longest)} if encoding["encoding"] == "sequence" else {}
    return TextOptions(**{**terms, **encoding, **one_length})


def compare(options: TextOptions, corpus: Sequence[str], texts: Sequence[str]) -> int:
    """Fits scikit-learn on a corpus, compares how both encode the texts, and returns the number of texts."""
    vectorizer = make_vectorizer(options).fit(corpus)
    idf = vectorizer.idf_ if options.encoding == "tfidf" else None
    found = make_text_encoder(options, list(vectorizer.get_feature_names_out()), idf)(tf.constant(texts, tf.string))
    if options.encoding == "sequence":
        assert np.array_equal(found[features.DESCRIPTION_IDS], expected_ids(vectorizer, options, texts))
        return len(found[features.DESCRIPTION_IDS])
    expected = vectorizer.transform(texts).tocsr()
    expected.sort_indices()
    index, value = found[features.DESCRIPTION_INDEX], found[features.DESCRIPTION_VALUE]
    rows = index.indices[:, 0].numpy()
    assert np.array_equal(np.bincount(rows, minlength=len(texts)), np.diff(expected.indptr))
    assert np.array_equal(index.indices[:, 1], np.arange(len(rows)) - expected.indptr[rows])
    assert np.array_equal(index.values, expected.indices)
    assert np.array_equal(value.indices, index.indices)
    assert np.array_equal(value.values, expected.data.astype(np.float32))
    return int(index.dense_shape[0])


def expected_ids(vectorizer: Any, options: TextOptions, texts: Sequence[str]) -> np.ndarray:
    analyze, vocabulary = vectorizer.build_analyzer(), vectorizer.vocabulary_
    rows = [[vocabulary[term] + 1 for term in analyze(text) if term in vocabulary] for text in texts]
    return np.array([(row + [0] * options.length)[: options.length] for row in rows], np.int64)


def test_every_emoji_description_is_encoded_as_by_scikit_learn() -> None:
    texts = emoji_descriptions()
    options = [*all_options(TERM_OPTIONS, ENCODINGS[:1]), *all_options(SOME_TERM_OPTIONS, ENCODINGS[1:])]
    assert sum(compare(each, texts[::2], texts) for each in options) == 3394 * 28 == 95_032


def test_every_generated_text_is_encoded_as_by_scikit_learn() -> None:
    texts = generated_texts(500)
    options = all_options(TERM_OPTIONS, ENCODINGS)
    assert sum(compare(each, texts[::2], texts) for each in options) == 502 * 78 == 39_156


@settings(max_examples=60, deadline=None)
@given(st.lists(any_text, min_size=1, max_size=6), st.sampled_from(all_options(TERM_OPTIONS, ENCODINGS)))
def test_any_text_has_the_terms_of_scikit_learn_in_its_order(texts: list[str], options: TextOptions) -> None:
    analyze = make_vectorizer(options).build_analyzer()
    terms = make_tokenizer(options)(tf.constant(texts)).to_list()
    assert [[unescape_term(term) for term in row] for row in terms] == [analyze(text) for text in texts]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_stop_word_is_taken_literally(words: list[str]) -> None:
    options = TextOptions(stop_words=tuple(words))
    text = "cat mat " + " ".join(words)
    every, kept = ([*make_tokenizer(o)(tf.constant([text])).to_list()[0]] for o in (TextOptions(), options))
    assert kept == [token for token in every if token.decode() not in words]


def test_more_stop_words_than_one_regular_expression_can_hold() -> None:
    words = [f"stopword{number}" for number in range(20_000)]
    tokens = make_tokenizer(TextOptions(stop_words=tuple(words)))(
        tf.constant([f"kept {words[0]} {words[-1]} stopword"])
    )
    assert tokens.to_list() == [[b"kept", b"stopword"]]


def encoded(texts: list[str], vocabulary: list[str], **options: Any) -> dict[str, Any]:
    return make_text_encoder(TextOptions(**options), vocabulary)(tf.constant(texts, tf.string))


def test_unknown_terms_are_dropped_or_share_the_last_index() -> None:
    texts = ["one zwei three drei one", "", "vier"]
    vocabulary = ["one", "three"]
    bag = encoded(texts, vocabulary, oov="bucket")
    assert tf.sparse.to_dense(bag[features.DESCRIPTION_INDEX], -1).numpy().tolist() == [
        [0, 1, 2],
        [-1] * 3,
        [2, -1, -1],
    ]
    assert tf.sparse.to_dense(bag[features.DESCRIPTION_VALUE]).numpy().tolist() == [[2, 1, 2], [0] * 3, [1, 0, 0]]
    dropped = encoded(texts, vocabulary)
    assert tf.sparse.to_dense(dropped[features.DESCRIPTION_INDEX], -1).numpy().tolist() == [[0, 1], [-1] * 2, [-1] * 2]
    for oov, rows in {
        "bucket": [[1, 3, 2, 3], [0] * 4, [3, 0, 0, 0]],
        "drop": [[1, 2, 1, 0], [0] * 4, [0] * 4],
    }.items():
        ids = encoded(texts, vocabulary, encoding="sequence", length=4, oov=oov)[features.DESCRIPTION_IDS]
        assert ids.numpy().tolist() == rows


@pytest.mark.parametrize("encoding", ["counts", "sequence"])
def test_a_batch_may_be_empty(encoding: str) -> None:
    found = encoded([], ["one"], encoding=encoding)
    assert all(value.shape[0] == 0 for value in found.values())


def test_terms_of_line_ends_have_indices_of_their_own() -> None:
    vocabulary = ["\n", "\r", "\\", "\\n"]
    ids = encoded(["\n\\\r", "\\n"], vocabulary, encoding="sequence", analyzer="char", length=3)
    assert ids[features.DESCRIPTION_IDS].numpy().tolist() == [[1, 3, 2], [3, 0, 0]]


def test_tf_idf_needs_as_many_idf_as_terms() -> None:
    with pytest.raises(ValueError, match="tf-idf of 2 terms needs as many idf, not 1"):
        make_text_encoder(TextOptions(encoding="tfidf"), ["a", "b"], [1.0])
