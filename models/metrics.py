"""How good scores are: figures of any number of examples, added up batch by batch.

NumPy alone, so that whoever scores anything (a network in TFMA, a linear baseline) is measured by the same lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.labels import Task

#: Every figure, the same for both tasks.
METRICS = ("accuracy", "macro_f1", "micro_f1", "top_k_accuracy", "ranking_precision", "calibration_error")
#: Figures of which less is better.
LOWER_IS_BETTER = frozenset({"calibration_error"})

#: Least score of a label that is an answer, where there may be any number of them.
MULTILABEL_THRESHOLD = 0.5

# Guo et al., "On Calibration of Modern Neural Networks" (2017), section 5.
_BINS = 15

Counts = NDArray[np.int64]


@dataclass
class Tally:
    """What is remembered of the examples seen.

    The answer to an example is its best-scored label, the first of equals (multiclass), or every label that scores at
    least ``MULTILABEL_THRESHOLD`` (multilabel).

    Attributes:
        classes: number of labels.
        top_k: how many of the best-scored labels ``top_k_accuracy`` looks at.
        counts: int64 ``[classes, 3]``: true positives, false positives and false negatives of each label.
        confusion: multiclass only: (actual id, answered id) to number of examples.
    """

    task: Task
    classes: int
    top_k: int
    examples: int = 0
    counts: Counts = field(init=False)
    confusion: Counter[tuple[int, int]] = field(default_factory=Counter)
    _right: int = 0
    _found: int = 0
    _ranking: float = 0.0
    # Decisions, sum of their confidences, and how many of them are right, in each bin of confidence.
    _bins: NDArray[np.float64] = field(default_factory=lambda: np.zeros((_BINS, 3)))

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.classes, 3), np.int64)

    def add(self, labels: NDArray[Any], scores: NDArray[Any]) -> Tally:
        """Adds a batch and returns itself.

        Args:
            labels: ids ``[b]``, -1 where unknown (multiclass); 0 and 1 ``[b, classes]`` (multilabel).
            scores: ``[b, classes]``.
        """
        if self.task == "multiclass":
            relevant = labels[:, None] == np.arange(self.classes)
            best = scores.argmax(axis=1)
            answered = best[:, None] == np.arange(self.classes)
            self.confusion.update(zip(labels.tolist(), best.tolist(), strict=True))
            self._calibrate(scores.max(axis=1), (relevant & answered).any(axis=1))
        else:
            relevant, answered = labels > 0, scores >= MULTILABEL_THRESHOLD
            self._calibrate(scores.ravel(), relevant.ravel())
        self.examples += len(scores)
        self.counts += np.stack([(a & b).sum(0) for a, b in _outcomes(relevant, answered)], axis=1)
        self._right += int((relevant == answered).all(axis=1).sum())
        best_first = np.argsort(-scores, axis=1, kind="stable")[:, : self.top_k]
        self._found += int(np.take_along_axis(relevant, best_first, axis=1).any(axis=1).sum())
        self._ranking += sum(_ranking_precision(*row) for row in zip(relevant, scores, strict=True))
        return self

    def merge(self, other: Tally) -> Tally:
        """Adds what another one has seen and returns itself."""
        self.examples += other.examples
        self.counts += other.counts
        self.confusion.update(other.confusion)
        self._right += other._right
        self._found += other._found
        self._ranking += other._ranking
        self._bins += other._bins
        return self

    def figures(self) -> dict[str, float]:
        """Each of ``METRICS``; none of them is a number before an example is added.

        ``accuracy``: share of the examples whose answer is right; multilabel: right in every label.
        ``macro_f1``: mean of the labels' F1 = 2 TP / (2 TP + FP + FN), over labels that occur as actual or answer.
        ``micro_f1``: F1 of all labels' outcomes together; of multiclass, it is the accuracy.
        ``top_k_accuracy``: share of the examples of which a label is among the ``top_k`` best-scored.
        ``ranking_precision``: mean over an example's labels of the share of its labels among all that score as much
        or more, scikit-learn's ``label_ranking_average_precision_score``; with one label, the mean reciprocal rank.
        ``calibration_error``: the expected calibration error, |share right - mean confidence| averaged over the
        decisions in 15 bins of equal width (Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3).
        A decision is an example and its confidence the best score; multilabel: an example and a label, with its score.
        """
        if not self.examples:
            return dict.fromkeys(METRICS, float("nan"))
        _, confidence, right = self._bins.T
        values = (
            self._right / self.examples,
            _macro_f1(self.counts),
            _f1(self.counts.sum(axis=0)),
            self._found / self.examples,
            self._ranking / self.examples,
            float(np.abs(right - confidence).sum() / self._bins[:, 0].sum()),
        )
        return dict(zip(METRICS, values, strict=True))

    def _calibrate(self, confidence: NDArray[Any], right: NDArray[np.bool_]) -> None:
        # Bin m holds ((m - 1) / M, m / M].
        bins = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
        for column, weights in enumerate((np.ones_like(confidence), confidence, right)):
            self._bins[:, column] += np.bincount(bins, weights, _BINS)


def label_figures(counts: Counts) -> list[Mapping[str, float]]:
    """``precision``, ``recall``, ``f1`` and ``support`` (actual examples) of each label; 0 for 0 / 0.

    Args:
        counts: as ``Tally.counts``.
    """
    return [
        {
            "precision": _ratio(true, true + false),
            "recall": _ratio(true, true + missed),
            "f1": _f1((true, false, missed)),
            "support": true + missed,
        }
        for true, false, missed in counts.tolist()
    ]


def _outcomes(relevant: NDArray[Any], answered: NDArray[Any]) -> tuple[tuple[NDArray[Any], NDArray[Any]], ...]:
    """True positives, false positives and false negatives, each as two masks that both hold."""
    return (relevant, answered), (~relevant, answered), (relevant, ~answered)


def _ranking_precision(relevant: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """Of one example, ``[classes]`` each; 0 without a known label."""
    own = scores[relevant]
    if not own.size:
        return 0.0
    return float(np.mean((own >= own[:, None]).sum(axis=1) / (scores >= own[:, None]).sum(axis=1)))


def _macro_f1(counts: Counts) -> float:
    occurring = counts[counts.any(axis=1)]
    return float(np.mean([_f1(row) for row in occurring.tolist()])) if len(occurring) else 0.0


def _f1(counts: Any) -> float:
    true, false, missed = (int(count) for count in counts)
    return _ratio(2 * true, 2 * true + false + missed)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
