"""Classification metrics, computed from any number of batches of scores.

They need NumPy alone, so that every model (a network in TensorFlow Model Analysis, a linear baseline) is measured by
the same code.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.labels import Task
from diptych.models.thresholds import predict_labels

#: The name of every metric; they are the same for both tasks.
METRICS = (
    "accuracy",
    "macro_f1",
    "micro_f1",
    "mean_average_precision",
    "top_k_accuracy",
    "ranking_precision",
    "calibration_error",
)
#: The metrics of which less is better.
LOWER_IS_BETTER = frozenset({"calibration_error"})

# The number of bins in Guo et al., "On Calibration of Modern Neural Networks" (2017), section 5.
_BINS = 15

#: int64 ``[classes, 3]``: the true positives, false positives and false negatives of each label.
Counts = NDArray[np.int64]


@dataclass
class MetricAccumulator:
    """Adds up what the metrics need of each example; it keeps all scores as float32, 4 bytes an example and label.

    ``diptych.models.thresholds.predict_labels`` defines which labels are predicted.

    Attributes:
        task: whether an example has one label, or any number of them.
        classes: number of labels.
        top_k: how many of the best-scored labels ``top_k_accuracy`` looks at.
        thresholds: for multilabel, the least score of each label at which it is predicted; for multiclass None.
        at_least_one: whether an example none of whose labels reaches its threshold gets the best-scored one.
        examples: number of examples so far.
        counts: int64 ``[classes, 3]``: true positives, false positives and false negatives of each label.
        confusion: for multiclass only: (actual id, predicted id) to number of examples.
    """

    task: Task
    classes: int
    top_k: int
    thresholds: Sequence[float] | None = None
    at_least_one: bool = False
    examples: int = 0
    counts: Counts = field(init=False)
    confusion: Counter[tuple[int, int]] = field(default_factory=Counter)
    # Sums over the examples: correct predictions, a label among the top k, and the ranking precision.
    _correct: int = 0
    _in_top_k: int = 0
    _ranking: float = 0.0
    # For each batch, whether an example has a label, and the scores, both [b, classes].
    _actual: list[NDArray[np.bool_]] = field(default_factory=list)
    _scores: list[NDArray[np.float32]] = field(default_factory=list)
    # For each bin of confidence: the number of decisions, the sum of their confidences, and how many are correct.
    _bins: NDArray[np.float64] = field(default_factory=lambda: np.zeros((_BINS, 3)))

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.classes, 3), np.int64)

    def add(self, labels: NDArray[Any], scores: NDArray[Any]) -> MetricAccumulator:
        """Adds a batch and returns itself.

        Args:
            labels: ids ``[b]``, -1 where unknown (multiclass); 0 and 1 ``[b, classes]`` (multilabel).
            scores: ``[b, classes]``.
        """
        predicted = predict_labels(scores, self.thresholds, self.at_least_one)
        if self.task == "multiclass":
            actual = labels[:, None] == np.arange(self.classes)
            self.confusion.update(zip(labels.tolist(), scores.argmax(axis=1).tolist(), strict=True))
            self._add_decisions(scores.max(axis=1), (actual & predicted).any(axis=1))
        else:
            actual = labels > 0
            self._add_decisions(scores.ravel(), actual.ravel())
        self.examples += len(scores)
        self._actual.append(actual)
        self._scores.append(scores.astype(np.float32))
        outcomes = (actual & predicted, ~actual & predicted, actual & ~predicted)
        self.counts += np.stack([outcome.sum(axis=0) for outcome in outcomes], axis=1)
        self._correct += int((actual == predicted).all(axis=1).sum())
        best_first = np.argsort(-scores, axis=1, kind="stable")[:, : self.top_k]
        self._in_top_k += int(np.take_along_axis(actual, best_first, axis=1).any(axis=1).sum())
        self._ranking += sum(ranking_precision(*row) for row in zip(actual, scores, strict=True))
        return self

    def merge(self, other: MetricAccumulator) -> MetricAccumulator:
        """Adds the examples of another accumulator and returns itself."""
        self.examples += other.examples
        self.counts += other.counts
        self.confusion.update(other.confusion)
        self._correct += other._correct
        self._in_top_k += other._in_top_k
        self._ranking += other._ranking
        self._actual += other._actual
        self._scores += other._scores
        self._bins += other._bins
        return self

    def value(self, metric: str) -> float:
        """The value of one of ``METRICS``; NaN if no example was added.

        - ``accuracy``: share of the examples whose prediction is correct; for multilabel, correct in every label.
        - ``macro_f1``: mean of F1 = 2 TP / (2 TP + FP + FN) over the labels that are actual or predicted somewhere.
        - ``micro_f1``: F1 of the summed outcomes of all labels; for multiclass this is the accuracy.
        - ``mean_average_precision``: mean of scikit-learn's ``average_precision_score`` over the labels that are actual
          somewhere; 0 if there is none.
        - ``top_k_accuracy``: share of the examples that have a label among the ``top_k`` best-scored.
        - ``ranking_precision``: scikit-learn's ``label_ranking_average_precision_score``: for each label of an example,
          the share of the example's labels among all labels that score as much or more, averaged over its labels and
          then over the examples. With one label an example this is the mean reciprocal rank.
        - ``calibration_error``: the expected calibration error (Guo et al., "On Calibration of Modern Neural Networks",
          2017, equation 3): abs(share correct - mean confidence), averaged over the decisions in 15 bins of equal
          width. For multiclass a decision is an example, and its confidence the best score; for multilabel it is an
          example and a label, with the label's score.
        """
        compute: Mapping[str, Callable[[], float]] = {
            "accuracy": lambda: self._correct / self.examples,
            "macro_f1": lambda: _macro_f1(self.counts),
            "micro_f1": lambda: _f1(self.counts.sum(axis=0)),
            "mean_average_precision": lambda: mean_average_precision(
                np.concatenate(self._actual), np.concatenate(self._scores)
            ),
            "top_k_accuracy": lambda: self._in_top_k / self.examples,
            "ranking_precision": lambda: self._ranking / self.examples,
            "calibration_error": self._calibration_error,
        }
        return compute[metric]() if self.examples else float("nan")

    def result(self) -> dict[str, float]:
        """The value of each of ``METRICS``."""
        return {metric: self.value(metric) for metric in METRICS}

    def _calibration_error(self) -> float:
        decisions, confidence, correct = self._bins.T
        return float(np.abs(correct - confidence).sum() / decisions.sum())

    def _add_decisions(self, confidence: NDArray[Any], correct: NDArray[np.bool_]) -> None:
        bins = confidence_bins(confidence)
        for column, weights in enumerate((np.ones_like(confidence), confidence, correct)):
            self._bins[:, column] += np.bincount(bins, weights, _BINS)


def confidence_bins(confidence: NDArray[Any]) -> NDArray[np.intp]:
    """The bin of each confidence, from 0; bin m of M, counted from 1, is for those above (m - 1) / M up to m / M."""
    return np.asarray(np.clip(np.ceil(confidence * _BINS).astype(np.intp) - 1, 0, _BINS - 1))


def shown_metrics(metrics: Mapping[str, float]) -> list[str]:
    """Those of ``METRICS`` that a model has, to be shown; without micro-F1 where it is the accuracy: with one label."""
    repeats = "accuracy" in metrics and math.isclose(metrics.get("micro_f1", math.nan), metrics["accuracy"])
    return [name for name in METRICS if name in metrics and not (repeats and name == "micro_f1")]


def per_label_metrics(counts: Counts) -> list[Mapping[str, float]]:
    """The ``precision``, ``recall``, ``f1`` and ``support`` (number of actual examples) of each label; 0 for 0 / 0.

    Args:
        counts: ``MetricAccumulator.counts``.
    """
    return [
        {
            "precision": _ratio(true_positives, true_positives + false_positives),
            "recall": _ratio(true_positives, true_positives + false_negatives),
            "f1": _f1((true_positives, false_positives, false_negatives)),
            "support": true_positives + false_negatives,
        }
        for true_positives, false_positives, false_negatives in counts.tolist()
    ]


def mean_average_precision(actual: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """The mean average precision, as ``MetricAccumulator.value`` defines it.

    Args:
        actual: whether an example has a label, ``[n, classes]``.
        scores: ``[n, classes]``.
    """
    precisions = [_average_precision(*column) for column in zip(actual.T, scores.T, strict=True) if column[0].any()]
    return float(np.mean(precisions)) if precisions else 0.0


def _average_precision(actual: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """The average precision of a label that is actual somewhere: sum over the scores s of (R(s) - R(s + 1)) P(s)."""
    own, positives = np.sort(scores), np.sort(scores[actual])
    # Of the examples that score at least as much as each positive, the share of positives.
    right, predicted = (len(column) - np.searchsorted(column, positives) for column in (positives, own))
    return float(np.mean(right / predicted))


def ranking_precision(actual: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """The label ranking average precision of one example; 0 if it has no known label. Both are ``[classes]``."""
    own = scores[actual]
    if not own.size:
        return 0.0
    return float(np.mean((own >= own[:, None]).sum(axis=1) / (scores >= own[:, None]).sum(axis=1)))


def _macro_f1(counts: Counts) -> float:
    occurring = counts[counts.any(axis=1)]
    return float(np.mean([_f1(row) for row in occurring.tolist()])) if len(occurring) else 0.0


def _f1(counts: Any) -> float:
    true_positives, false_positives, false_negatives = (int(count) for count in counts)
    return _ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
