"""scikit-learn's vectorizers with our options; they define how texts are encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diptych.models.text.options import TextOptions

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer


def make_vectorizer(options: TextOptions) -> CountVectorizer:
    """An unfitted ``TfidfVectorizer`` for the encoding tfidf, else a ``CountVectorizer``.

    scikit-learn has no counterpart to ``length`` and ``oov``: the vectorizer of a sequence counts its terms, and
    ignores a term that the vocabulary lacks.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    common = {
        "analyzer": options.analyzer,
        "ngram_range": options.ngrams,
        "lowercase": options.lowercase,
        "strip_accents": options.strip_accents,
        "stop_words": options.stop_word_list or None,
        "token_pattern": options.token_pattern,
        "max_features": options.max_features,
        "min_df": options.min_df,
        "max_df": options.max_df,
    }
    if options.encoding == "tfidf":
        return TfidfVectorizer(**common, smooth_idf=options.smooth_idf, norm=options.norm)
    return CountVectorizer(**common, binary=options.encoding == "binary")
