"""The least score at which a label is predicted, where an example may have any number of labels.

A common threshold such as 0.5 leaves rare labels unpredicted, whose scores are low. So each label gets its own, chosen
by scores of examples that the model was not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from diptych.models.options import Options

#: The threshold of every label of a model whose thresholds nobody chose.
DEFAULT_THRESHOLD = 0.5

# So many positives of all labels together are added to those of each label, so that a label of few examples gets
# nearly the threshold that suits all labels, and one of many examples its own.
_ADDED_POSITIVES = 10
# The number of thresholds that every label tries, beside those at its own positives.
_COMMON_CUTS = 101


class ThresholdOptions(Options):
    """By what the least score is chosen at which a label is predicted, where rows may have several labels."""

    precision: float | None = Field(
        None,
        gt=0,
        le=1,
        description="The share of a label's predictions that shall be right: the least threshold that reaches it is "
        "taken, and an example may stay without a label. null takes the threshold of the best F1.",
    )


def choose_thresholds(
    scores: NDArray[np.floating[Any]], truth: NDArray[np.bool_], options: ThresholdOptions
) -> NDArray[np.float64]:
    """Chooses a threshold for each label.

    Both F1 and precision are smoothed: each label's counts are increased by those of a few more positives, and of as
    many predictions for each as all labels have together at the same threshold. Labels of few examples would otherwise
    get thresholds that suit no other examples.

    Args:
        scores: 0 to 1, ``[n, classes]``, of examples that the model was not fitted on; at least one.
        truth: whether an example has a label, ``[n, classes]``.

    Returns:
        ``[classes]``, of values that float32 holds exactly. Where no threshold reaches the wished precision, it is 1.
    """
    all_scores, all_positives = np.sort(scores, axis=None), np.sort(scores[truth])
    # If there is no positive at all, no label is worth predicting.
    if not len(all_positives):
        return np.ones(scores.shape[1])
    common = np.quantile(all_positives, np.linspace(0, 1, _COMMON_CUTS))
    thresholds = np.empty(scores.shape[1])
    for label in range(scores.shape[1]):
        own, positives = np.sort(scores[:, label]), np.sort(scores[truth[:, label], label])
        cuts = np.unique(np.concatenate([_between(own, positives), common]).astype(np.float32))
        # The added predictions, of which as many are right as all labels have right at the same threshold.
        weight = _ADDED_POSITIVES / len(all_positives)
        right = _reaching(positives, cuts) + weight * _reaching(all_positives, cuts)
        predicted = _reaching(own, cuts) + weight * _reaching(all_scores, cuts)
        actual = len(positives) + _ADDED_POSITIVES
        thresholds[label] = _best_cut(cuts, right, predicted, actual, options.precision)
    return thresholds


def _between(own: NDArray[np.floating[Any]], positives: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Halfway from each positive's score to the next lower score of the label; the best F1 is at one of these."""
    places = np.searchsorted(own, positives)
    return np.asarray((positives + np.where(places > 0, own[places - 1], 0.0)) / 2)


def _reaching(ascending: NDArray[np.floating[Any]], cuts: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """How many of the scores are at least each cut."""
    return len(ascending) - np.searchsorted(ascending, cuts)


def _best_cut(
    cuts: NDArray[np.floating[Any]],
    right: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
    actual: float,
    precision: float | None,
) -> float:
    if precision is None:
        return float(cuts[np.argmax(2 * right / (predicted + actual))])
    reached = np.flatnonzero(right >= precision * predicted)
    reached = reached[predicted[reached] > 0]
    return float(cuts[reached[0]]) if len(reached) else 1.0


def requires_a_label(truth: NDArray[np.bool_], options: ThresholdOptions) -> bool:
    """Whether every example gets a label, even if no score reaches its threshold.

    It does if every example of train has one, unless a precision is wished for, which guesses would miss.

    Args:
        truth: whether an example of train has a label, ``[n, classes]``.
    """
    return options.precision is None and bool(truth.any(axis=1).all())


def predict_labels(
    scores: NDArray[np.floating[Any]],
    thresholds: Sequence[float] | NDArray[np.floating[Any]] | None,
    at_least_one: bool = False,
) -> NDArray[np.bool_]:
    """Which labels are predicted.

    Args:
        scores: ``[n, classes]``.
        thresholds: the least score of each label; None if an example has exactly one label, which is then the
            best-scored one, the first of equals.
        at_least_one: whether an example none of whose labels reaches its threshold gets the best-scored one.

    Returns:
        ``[n, classes]``.
    """
    best: NDArray[np.bool_] = scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])
    if thresholds is None:
        return best
    predicted: NDArray[np.bool_] = scores >= np.asarray(thresholds)
    if at_least_one:
        predicted |= best & ~predicted.any(axis=1, keepdims=True)
    return predicted
