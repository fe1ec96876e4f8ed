"""The linear baseline on texts alone, which a network that also sees the image has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diptych.models.labels import Task
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import make_vectorizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

# LogisticRegression's C. Tf-idf makes each text a vector of length 1, and the penalty that suits counts would keep the
# weights too small: the baseline would be weaker than it could be.
_INVERSE_REGULARIZATION = {"tfidf": 10.0}


def fit_baseline(
    texts: Sequence[str], labels: Sequence[Any], options: TextOptions, task: Task = "multiclass"
) -> Pipeline:
    """Fits a vectorizer and a ``LogisticRegression``; for multilabel one ``LogisticRegression`` a label.

    Args:
        texts: one for each row; if their encoding is sequence, they are encoded as counts.
        labels: one for each row; for multilabel an iterable of labels for each row.

    Returns:
        A pipeline whose ``predict`` returns a label for each text, or for multilabel a tuple of labels.

    Raises:
        ValueError: the options leave no term.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    linear = LogisticRegression(C=_INVERSE_REGULARIZATION.get(options.encoding, 1.0), max_iter=1000)
    classifier = _MultilabelClassifier(linear) if task == "multilabel" else linear
    return make_pipeline(make_vectorizer(options), classifier).fit(texts, labels)


class _MultilabelClassifier:
    """Makes a classifier of sets of labels out of a classifier of two classes."""

    def __init__(self, classifier: Any) -> None:
        self._classifier = classifier

    def fit(self, features: Any, labels: Sequence[Iterable[str]]) -> _MultilabelClassifier:
        """Fits one classifier a label on features ``[rows, terms]``."""
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.preprocessing import MultiLabelBinarizer

        self._binarizer = MultiLabelBinarizer()
        self._fitted = OneVsRestClassifier(self._classifier).fit(features, self._binarizer.fit_transform(labels))
        return self

    def predict(self, features: Any) -> NDArray[np.object_]:
        """A tuple of labels for each row, ``[rows]``; it is empty where no label is likely."""
        import numpy as np

        found = self._binarizer.inverse_transform(self._fitted.predict(features))
        return np.fromiter(found, object, len(found))


def score_labels(actual: Sequence[Any], predicted: Sequence[Any], task: Task = "multiclass") -> dict[str, float]:
    """Scores the predictions of a baseline.

    Returns:
        ``accuracy``, for multilabel the share of rows whose predicted labels are exactly the actual ones; ``macro_f1``,
        the mean F1 of the labels that occur in either argument; for multilabel also ``micro_f1``, the F1 of all labels
        together.
    """
    from sklearn.metrics import accuracy_score, f1_score

    averages = ["macro"]
    if task == "multilabel":
        from sklearn.preprocessing import MultiLabelBinarizer

        binarizer = MultiLabelBinarizer().fit([*actual, *predicted])
        actual, predicted = binarizer.transform(actual), binarizer.transform(predicted)
        averages = ["macro", "micro"]
    scores = {
        f"{average}_f1": float(f1_score(actual, predicted, average=average, zero_division=0)) for average in averages
    }
    return {"accuracy": float(accuracy_score(actual, predicted)), **scores}
