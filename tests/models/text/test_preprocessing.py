"""Bags of words are those of scikit-learn's CountVectorizer.

Found by comparing every code point: the two tokenizers agree on all that Python's Unicode tables know. A letter newer
than Python's tables and known to TensorFlow's RE2 (4,913 of them on Python 3.10, which knows Unicode 13) is a letter to
TensorFlow only; the texts here are made of characters that Unicode 3.2 knew, beside emoji. The lower-case final sigma
of Python and of ICU is the same one.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.feature_extraction.text import CountVectorizer

from models import features
from models.text.preprocessing import TextOptions, tokenize
from tests.helpers import fit_transform_graph

TEXTS = [
    "The cat sat on the mat; the CAT!",
    "",
    "   \n\t ",
    "a b c 1 2 ! 🙂",
    "Ärger über ÉTÉ, naïve café, ΟΔΟΣ οδός İstanbul",
    "日本語のテキスト 漢字 漢字",
    "don't stop_words x1 x1 x1 3.14 2024",
    "🙂🙂 cat🙂mat cat-mat",
    "the the the mat the",
    "हिन्दी नमस्ते ไทย العربية",
    "e\u0301te\u0301 fi\ufb01 ½½ ²²",
    "line\u2028separated\u00a0no-break\u200bzero",
    "cat sat mat",
]


def vectorizer(options: TextOptions) -> CountVectorizer:
    return CountVectorizer(
        lowercase=options.lowercase,
        stop_words=options.stop_word_list or None,
        ngram_range=options.ngrams,
        min_df=options.min_df,
        max_features=options.max_features,
    )


def expected_counts(texts: list[str], options: TextOptions) -> list[dict[str, int]]:
    fitted = vectorizer(options)
    matrix = fitted.fit_transform(texts)
    names = fitted.get_feature_names_out()
    return [{names[place]: int(row[0, place]) for place in row.nonzero()[1]} for row in matrix]


def tokens(texts: list[str], options: TextOptions) -> list[list[str]]:
    import tensorflow as tf

    return [[term.decode() for term in row] for row in tokenize(tf.constant(texts), options).to_list()]


def transform(graph: Any, texts: list[str], labels: list[str]) -> dict[str, Any]:
    import tensorflow as tf

    layer = graph.transform_features_layer()
    columns = {features.DESCRIPTION: texts, features.LABEL: labels}
    return layer({name: tf.constant(values)[:, None] for name, values in columns.items()})


def counted(graph: Any, texts: list[str]) -> list[dict[str, int]]:
    """{term: count} of each text, read from the index and value that Transform's graph gives."""
    terms = [term.decode() for term in graph.vocabulary_by_name(features.DESCRIPTION_VOCABULARY)]
    transformed = transform(graph, texts, ["x"] * len(texts))
    index, value = transformed[features.DESCRIPTION_INDEX], transformed[features.DESCRIPTION_VALUE]
    assert np.array_equal(index.indices, value.indices)
    assert index.dense_shape.numpy().tolist()[0] == len(texts)
    found: list[dict[str, int]] = [{} for _ in texts]
    for row, place, count in zip(index.indices[:, 0].numpy(), index.values.numpy(), value.values.numpy(), strict=True):
        assert terms[place] not in found[row]
        found[row][terms[place]] = int(count)
    return found


@pytest.mark.parametrize(
    "options",
    [
        TextOptions(),
        TextOptions(lowercase=False, ngrams=(1, 3), max_features=None),
        TextOptions(min_df=2, ngrams=(1, 2), stop_words=("cat", "c++", "a b"), max_features=None),
        TextOptions(stop_words="english", ngrams=(2, 2)),
    ],
    ids=["default", "cased trigrams", "min_df and stop words", "english bigrams"],
)
def test_counts_are_those_of_scikit_learn(tmp_path: Path, options: TextOptions) -> None:
    graph = fit_transform_graph(tmp_path, TEXTS, ["x"] * len(TEXTS), options)
    assert counted(graph, TEXTS) == expected_counts(TEXTS, options)


# Occurrences: aa 5, solo 5 in one document, bb 3, cc 2, dd 2. No tie at a cut after two terms.
FEW_TEXTS = ["solo solo solo solo solo", "aa bb", "aa bb aa", "aa cc", "cc", "bb aa dd", "dd"]
FEW_LABELS = ["cat", "größe 🙂", "cat", "big dog", "cat", "big dog", "cat"]
FEW_OPTIONS = TextOptions(min_df=2, max_features=2)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Transform's graph of the few texts and labels."""
    return fit_transform_graph(tmp_path_factory.mktemp("graph"), FEW_TEXTS, FEW_LABELS, FEW_OPTIONS)


def test_min_df_counts_documents_then_max_features_counts_occurrences(graph: Any) -> None:
    assert {term.decode() for term in graph.vocabulary_by_name(features.DESCRIPTION_VOCABULARY)} == {"aa", "bb"}
    assert counted(graph, FEW_TEXTS) == expected_counts(FEW_TEXTS, FEW_OPTIONS)
    assert counted(graph, ["aa unseen solo aa"]) == [{"aa": 2}]


def test_labels_get_ids_by_frequency_and_strangers_none(graph: Any) -> None:
    names = [name.decode() for name in graph.vocabulary_by_name(features.LABEL_VOCABULARY)]
    assert names == ["cat", "big dog", "größe 🙂"]
    ids = transform(graph, ["a"] * 4, [*names, "stranger"])[features.LABEL_ID]
    assert ids.numpy().tolist() == [0, 1, 2, -1]


# No category: unassigned, and surrogates, which no UTF-8 text holds.
OLD_CHARACTERS = [
    chr(code)
    for code in range(1, 0x30000)
    if unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Cs") and unicodedata.category(chr(code)) != "Cn"
]
# Letters with rules of their own, and what parts words, more often than chance would bring them.
SPECIAL = [*"aZß_-'’ 19\n\t", "Σ", "σ", "İ", "ı", "ǅ", "ﬁ", "\u0301", "\u200d", "\xa0", "\xad", "字", "१", "½", "🙂"]


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(SPECIAL) | st.sampled_from(OLD_CHARACTERS), max_size=30).map("".join),
        min_size=1,
        max_size=10,
    ),
    lowercase=st.booleans(),
    ngrams=st.sampled_from([(1, 1), (1, 2), (2, 3)]),
)
def test_any_text_has_the_terms_of_scikit_learn(texts: list[str], lowercase: bool, ngrams: tuple[int, int]) -> None:
    options = TextOptions(lowercase=lowercase, ngrams=ngrams)
    analyse = vectorizer(options).build_analyzer()
    assert tokens(texts, options) == [analyse(text) for text in texts]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_old_character_is_a_letter_to_both_or_to_none(lowercase: bool) -> None:
    options = TextOptions(lowercase=lowercase)
    analyse = vectorizer(options).build_analyzer()
    texts = [f"a{character}b x{character}" for character in OLD_CHARACTERS]
    ours = tokens(texts, options)
    assert [text for text, found in zip(texts, ours, strict=True) if found != analyse(text)] == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_stop_word_is_taken_literally(words: list[str]) -> None:
    options = TextOptions(stop_words=tuple(words))
    text = "cat mat " + " ".join(words)
    every = tokens([text], TextOptions())[0]
    assert tokens([text], options)[0] == [token for token in every if token not in words]


@pytest.mark.parametrize("ngrams", [(0, 1), (2, 1), (1, 6)])
def test_ngrams_are_in_order(ngrams: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="ngrams"):
        TextOptions(ngrams=ngrams)


def test_a_stop_word_has_letters() -> None:
    with pytest.raises(ValidationError, match="stop word is empty"):
        TextOptions(stop_words=("a", ""))
