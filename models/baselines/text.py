"""The features of texts for the linear baselines, and the baseline on texts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diptych.models.baselines.classifier import LinearClassifier, fit_classifier
from diptych.models.labels import Task
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import fit_vectorizer

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

# The C of a logistic regression. Tf-idf makes each text a vector of length 1, and the penalty that suits counts would
# keep the weights too small: the baseline would be weaker than it could be.
_INVERSE_REGULARIZATION = {"tfidf": 10.0}


@dataclass(frozen=True)
class TextFeatures:
    """Turns texts into a block of features."""

    vectorizer: CountVectorizer
    scale: float

    def transform(self, texts: Sequence[str]) -> Any:
        """float32 CSR ``[texts, terms]``, scaled so that a logistic regression with ``C`` 1 suits them."""
        return (self.vectorizer.transform(texts) * self.scale).astype(np.float32)


def fit_text_features(texts: Sequence[str], options: TextOptions) -> TextFeatures:
    """Finds the terms of the texts of train; if their encoding is sequence, they are encoded as counts.

    Raises:
        OptionsError: the options leave no term.
    """
    vectorizer, _ = fit_vectorizer(options, texts)
    return TextFeatures(vectorizer, _INVERSE_REGULARIZATION.get(options.encoding, 1.0) ** 0.5)


@dataclass(frozen=True)
class TextBaseline:
    """A linear model of texts."""

    features: TextFeatures
    classifier: LinearClassifier

    def predict(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The predicted labels of each text."""
        return self.classifier.predict(self.classifier.predict_scores([self.features.transform(texts)]))


def fit_text_baseline(
    texts: Sequence[str], labels: Sequence[Sequence[str]], options: TextOptions, task: Task = "multiclass"
) -> TextBaseline:
    """Fits a linear model of texts; of several labels, those that score at least 0.5 are predicted.

    Args:
        labels: of each text; for multiclass one each.

    Raises:
        OptionsError: the options leave no term.
    """
    features = fit_text_features(texts, options)
    return TextBaseline(features, fit_classifier([features.transform(texts)], labels, task))
