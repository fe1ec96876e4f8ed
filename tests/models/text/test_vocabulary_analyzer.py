"""The vocabulary that is fitted on counts of terms is the one that scikit-learn fits on the texts, ties included."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models.errors import OptionsError
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary_analyzer import FittedVocabulary, fit_vocabulary

WORDS = [f"w{number}" for number in range(60)]


def fit(texts: list[str], options: TextOptions) -> FittedVocabulary:
    analyze = make_vectorizer(options).build_analyzer()
    occurrences = Counter(term for text in texts for term in analyze(text))
    documents = Counter(term for text in texts for term in set(analyze(text)))
    return fit_vocabulary(
        ((term, (count, documents[term])) for term, count in occurrences.items()), len(texts), options
    )


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join), min_size=1, max_size=30),
    options=st.fixed_dictionaries(
        {
            "encoding": st.sampled_from(["counts", "binary", "tfidf"]),
            "max_features": st.none() | st.integers(1, 70),
            "min_df": st.integers(1, 3) | st.floats(0, 0.3),
            "max_df": st.integers(3, 20) | st.floats(0.3, 1),
            "ngrams": st.sampled_from([(1, 1), (1, 2)]),
        }
    ),
)
def test_vocabulary_and_idf_are_those_of_scikit_learn(texts: list[str], options: dict[str, Any]) -> None:
    vectorizer = make_vectorizer(TextOptions(**options))
    try:
        vectorizer.fit(texts)
    except ValueError:
        with pytest.raises(
            OptionsError, match=r"the vocabulary would be empty: .* descriptions? of train: .*text\.\w+"
        ):
            fit(texts, TextOptions(**options))
        return
    found = fit(texts, TextOptions(**options))
    assert found.terms == vectorizer.get_feature_names_out().tolist()
    if options["encoding"] == "tfidf":
        assert np.array_equal(found.idf, vectorizer.idf_)


@pytest.mark.parametrize("encoding", ["counts", "binary", "tfidf"])
def test_of_thousands_of_equal_terms_the_same_ones_stay(encoding: Any) -> None:
    texts = [" ".join(f"t{(7 * row + place) % 3000}" for place in range(40)) for row in range(3000)]
    options = TextOptions(encoding=encoding, max_features=1234)
    assert fit(texts, options).terms == make_vectorizer(options).fit(texts).get_feature_names_out().tolist()
