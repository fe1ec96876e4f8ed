"""The classifier of the linear baselines: from blocks of features to labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.labels import Task
from diptych.models.linear.logistic_regression import (
    MAX_ITERATIONS,
    Block,
    LogisticRegression,
    balanced_weights,
    fit_logistic_regression,
)
from diptych.models.natural_order import natural_key
from diptych.models.thresholds import (
    DEFAULT_THRESHOLD,
    ThresholdOptions,
    choose_thresholds,
    predict_labels,
    requires_a_label,
)

# With more rows than these, thresholds are chosen by fewer folds.
_MANY_ROWS, _FEW_FOLDS, _FOLDS = 2_000, 3, 5


@dataclass(frozen=True)
class LinearClassifier:
    """A fitted classifier.

    Attributes:
        labels: those of train, in the order of the scores.
        thresholds: the least score of each label at which it is predicted; None for multiclass.
        at_least_one: whether a row none of whose labels reaches its threshold gets the best-scored one.
    """

    model: LogisticRegression
    labels: Sequence[str]
    thresholds: Sequence[float] | None
    at_least_one: bool

    def predict_scores(self, blocks: Sequence[Block]) -> NDArray[np.float32]:
        """The score of each label, ``[n, labels]``."""
        return self.model.predict_scores(blocks)

    def predict(self, scores: NDArray[np.floating[Any]]) -> list[tuple[str, ...]]:
        """The predicted labels of each row of scores ``[n, labels]``."""
        predicted = predict_labels(scores, self.thresholds, self.at_least_one)
        return [tuple(self.labels[place] for place in np.flatnonzero(row)) for row in predicted]


def fit_classifier(
    blocks: Sequence[Block], labels: Sequence[Sequence[str]], task: Task, options: ThresholdOptions | None = None
) -> LinearClassifier:
    """Fits a ``LogisticRegression``, and for multilabel chooses thresholds by out-of-fold scores.

    Args:
        blocks: see ``fit_logistic_regression``.
        labels: of each row; for multiclass one each.
        options: for multilabel, how thresholds are chosen. None takes 0.5.
    """
    names = sorted({label for row in labels for label in row}, key=natural_key)
    truth = indicate_labels(labels, names)
    if task == "multiclass":
        return LinearClassifier(fit_logistic_regression(blocks, truth, task), names, None, False)
    if options is None:
        thresholds = [DEFAULT_THRESHOLD] * len(names)
        return LinearClassifier(fit_logistic_regression(blocks, truth, task), names, thresholds, False)
    # Balanced weights rank rare labels better, and the thresholds make up for the greater scores.
    model = fit_logistic_regression(blocks, truth, task, balanced_weights(truth))
    held_out = out_of_fold_scores(blocks, truth, task, _random_folds(len(truth)))
    thresholds = choose_thresholds(held_out, truth, options).tolist()
    return LinearClassifier(model, names, thresholds, requires_a_label(truth, options))


def indicate_labels(labels: Iterable[Sequence[str]], names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a row has a label, ``[n, names]``; labels of other names are left out."""
    places = {name: place for place, name in enumerate(names)}
    rows = [[places[label] for label in row if label in places] for row in labels]
    truth = np.zeros((len(rows), len(names)), bool)
    for row, own in enumerate(rows):
        truth[row, own] = True
    return truth


def out_of_fold_scores(
    blocks: Sequence[Block],
    truth: NDArray[np.bool_],
    task: Task,
    folds: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
    max_iterations: int = MAX_ITERATIONS,
) -> NDArray[np.float32]:
    """The scores of each row by a model that is fitted to the rows of other folds, ``[n, labels]``; 0 without folds.

    Args:
        blocks: see ``fit_logistic_regression``.
        truth: whether a row has a label, ``[n, labels]``.
        folds: the indices of the rows to fit to, and of those to score.
        max_iterations: of each fit.
    """
    scores = np.zeros(truth.shape, np.float32)
    for others, fold in folds:
        weights = balanced_weights(truth[others]) if task == "multilabel" else None
        fitted_to = [block[others] for block in blocks]
        model = fit_logistic_regression(fitted_to, truth[others], task, weights, max_iterations)
        scores[fold] = model.predict_scores([block[fold] for block in blocks])
    return scores


def _random_folds(rows: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import KFold

    if rows < 2:
        return []
    parts = min(rows, _FEW_FOLDS if rows > _MANY_ROWS else _FOLDS)
    return list(KFold(parts, shuffle=True, random_state=0).split(np.zeros(rows)))
