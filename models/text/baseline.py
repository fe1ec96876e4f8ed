"""The linear text baseline: what a network that also sees the image has to beat."""

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

# Tf-idf makes each text a vector of length 1: the penalty that suits counts would hold its weights down, and a weak
# baseline is no baseline.
_INVERSE_PENALTY = {"tfidf": 10.0}


def fit_baseline(
    texts: Sequence[str], labels: Sequence[Any], options: TextOptions, task: Task = "multiclass"
) -> Pipeline:
    """Fits ``make_vectorizer`` and ``LogisticRegression``, one for each label if there may be several.

    Args:
        texts: one for each row; a sequence encoding counts as the counts of its terms.
        labels: as many: of multiclass a label each, of multilabel an iterable of labels each.

    Returns:
        A pipeline whose ``predict`` gives a label for each text, or of multilabel a tuple of labels.

    Raises:
        ValueError: no term is left for the vocabulary.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    linear = LogisticRegression(C=_INVERSE_PENALTY.get(options.encoding, 1.0), max_iter=1000)
    classifier = _LabelSets(linear) if task == "multilabel" else linear
    return make_pipeline(make_vectorizer(options), classifier).fit(texts, labels)


class _LabelSets:
    """A classifier of sets of labels, out of one of two classes."""

    def __init__(self, classifier: Any) -> None:
        self._classifier = classifier

    def fit(self, features: Any, labels: Sequence[Iterable[str]]) -> _LabelSets:
        """Fits one classifier a label on ``[rows, terms]`` features."""
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.preprocessing import MultiLabelBinarizer

        self._binarizer = MultiLabelBinarizer()
        self._fitted = OneVsRestClassifier(self._classifier).fit(features, self._binarizer.fit_transform(labels))
        return self

    def predict(self, features: Any) -> NDArray[np.object_]:
        """A tuple of labels for each row, ``[rows]``; empty where none is likely."""
        import numpy as np

        found = self._binarizer.inverse_transform(self._fitted.predict(features))
        return np.fromiter(found, object, len(found))


def score_labels(actual: Sequence[Any], predicted: Sequence[Any], task: Task = "multiclass") -> dict[str, float]:
    """Scores what ``predict`` of a baseline gave.

    Returns:
        ``accuracy``, of multilabel the share of rows whose labels are all right and no other is given; ``macro_f1``,
        the mean F1 of the labels that occur in either; of multilabel also ``micro_f1``, the F1 of all labels together.
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
