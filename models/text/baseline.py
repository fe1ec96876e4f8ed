"""The linear text baseline: what a network that also sees the image has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.text.options import TextOptions

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def fit_baseline(texts: Sequence[str], labels: Sequence[str], options: TextOptions) -> Pipeline:
    """Fits scikit-learn's ``CountVectorizer`` and ``LogisticRegression`` on texts and labels of equal length.

    Raises:
        ValueError: no term is left for the vocabulary.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = CountVectorizer(
        lowercase=options.lowercase,
        stop_words=options.stop_word_list or None,
        ngram_range=options.ngrams,
        min_df=options.min_df,
        max_features=options.max_features,
    )
    return make_pipeline(vectorizer, LogisticRegression(max_iter=1000)).fit(texts, labels)


def score_labels(actual: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """``accuracy``, and ``macro_f1``: the mean F1 of the labels that occur in either."""
    from sklearn.metrics import accuracy_score, f1_score

    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        "macro_f1": float(f1_score(actual, predicted, average="macro", zero_division=0)),
    }
