"""scikit-learn's vectorisers with our options: what texts mean is what these say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diptych.models.text.options import TextOptions

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer


def make_vectorizer(options: TextOptions) -> CountVectorizer:
    """An unfitted ``TfidfVectorizer`` for encoding tfidf, else a ``CountVectorizer``.

    ``length`` and ``oov`` have no counterpart there: to scikit-learn a sequence is the counts of its terms, and a term
    that the vocabulary lacks is none.
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
