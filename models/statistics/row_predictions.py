"""The predictions of a model row by row, and its metrics when each row counts with a weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from diptych.models.labels import Task
from diptych.models.metrics import confidence_bins, ranking_precision

# With more scores than these, the mean average precision of resampled rows takes too long.
_MAX_RANKED_SCORES = 50_000_000


@dataclass(frozen=True)
class CalibrationBin:
    """Decisions of similar confidence: their number, their mean confidence, and the share that is correct."""

    decisions: int
    confidence: float
    correct: float


@dataclass(frozen=True)
class RowScores:
    """The scores of a model, from which come the metrics that predictions alone do not tell.

    Attributes:
        top_k: how many of the best-scored labels ``top_k_accuracy`` looks at.
        scores: ``[rows, labels]``.
        actual: whether a row has a label, bool ``[rows, labels]``.
    """

    task: Task
    top_k: int
    scores: NDArray[Any]
    actual: NDArray[np.bool_]

    @cached_property
    def in_top_k(self) -> NDArray[np.bool_]:
        """Whether a label of the row is among the best-scored, bool ``[rows]``."""
        best_first = np.argsort(-self.scores, axis=1, kind="stable")[:, : self.top_k]
        return np.asarray(np.take_along_axis(self.actual, best_first, axis=1).any(axis=1))

    @cached_property
    def ranking_precision(self) -> NDArray[np.float64]:
        """float64 ``[rows]``, whose mean is the metric."""
        rows = zip(self.actual, self.scores, strict=True)
        return np.fromiter((ranking_precision(*row) for row in rows), float, len(self.scores))

    @cached_property
    def calibration_gaps(self) -> csr_matrix:
        """For each row and bin of confidence, correct decisions minus their confidence, float64 ``[rows, bins]``."""
        confidence, correct = self._decided
        rows = np.repeat(np.arange(len(confidence)), confidence.shape[1])
        # Entries of the same row and bin are added.
        return csr_matrix(((correct - confidence).ravel(), (rows, confidence_bins(confidence).ravel())))

    def calibration(self) -> list[CalibrationBin]:
        """The bins of the calibration error that hold decisions; ``diptych.models.metrics`` defines both."""
        confidence, correct = (each.ravel() for each in self._decided)
        numbers = confidence_bins(confidence)
        members = (numbers == number for number in np.unique(numbers))
        return [
            CalibrationBin(int(of_bin.sum()), float(confidence[of_bin].mean()), float(correct[of_bin].mean()))
            for of_bin in members
        ]

    @property
    def _decided(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The confidence of each decision of a row, and whether it is correct, ``[rows, decisions]``."""
        if self.task == "multilabel":
            return self.scores, self.actual
        best = self.scores.argmax(axis=1)[:, None]
        return np.take_along_axis(self.scores, best, axis=1), np.take_along_axis(self.actual, best, axis=1)

    @property
    def decisions(self) -> int:
        """Number of decisions of a row whose calibration is measured."""
        return 1 if self.task == "multiclass" else self.scores.shape[1]

    def metrics(self, weights: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """The metrics of ranking and calibration; see ``RowPredictions.metrics``."""
        totals = weights.sum(axis=1)
        gaps = np.abs(weights @ self.calibration_gaps).sum(axis=1)
        found = {
            "top_k_accuracy": weights @ self.in_top_k / totals,
            "ranking_precision": weights @ self.ranking_precision / totals,
            "calibration_error": gaps / (totals * self.decisions),
        }
        if self.scores.size <= _MAX_RANKED_SCORES:
            found["mean_average_precision"] = self._mean_average_precision(weights)
        return found

    def _mean_average_precision(self, weights: NDArray[Any]) -> NDArray[np.float64]:
        occurring = [column for column in zip(self.scores.T, self.actual.T, strict=True) if column[1].any()]
        if not occurring:
            return np.zeros(len(weights))
        by_row = np.ascontiguousarray(weights.T)
        # A label that no resampled row has is left out of the mean.
        precisions = np.stack([_average_precision(*column, by_row) for column in occurring])
        return np.asarray(np.nanmean(precisions, axis=0))


@dataclass(frozen=True)
class RowPredictions:
    """The predictions of a model for some rows, and what the rows' labels are.

    Attributes:
        ids: of the rows, ascending.
        labels: the label of each column.
        actual: 0 or 1, ``[rows, labels]``.
        predicted: 0 or 1, ``[rows, labels]``.
        scores: None if only the predictions are known.
    """

    ids: Sequence[str]
    labels: Sequence[str]
    actual: csr_matrix
    predicted: csr_matrix
    scores: RowScores | None = None

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the predicted labels of a row are exactly its labels, bool ``[rows]``."""
        wrong = np.asarray(abs(self.actual - self.predicted).sum(axis=1)).ravel()
        return np.asarray(wrong == 0)

    @cached_property
    def is_of_one_label(self) -> bool:
        """Whether every row has one label, and one is predicted for it; micro-F1 then equals the accuracy."""
        return all(bool((each.sum(axis=1) == 1).all()) for each in (self.actual, self.predicted))

    def worst_mistakes(self) -> list[tuple[str, float] | None]:
        """Of what is predicted wrongly for a row, the label with the best score and this score; None if nothing is.

        Without ``scores`` it cannot be told.
        """
        assert self.scores is not None
        is_wrong = (self.predicted - self._right).toarray() > 0
        scores = np.where(is_wrong, self.scores.scores, -np.inf)
        best = scores.argmax(axis=1)
        return [
            (self.labels[column], float(of_row[column])) if is_wrong[row, column] else None
            for row, (column, of_row) in enumerate(zip(best, scores, strict=True))
        ]

    @cached_property
    def _right(self) -> csr_matrix:
        return self.actual.multiply(self.predicted).tocsr()

    def metrics(self, weights: NDArray[Any] | None = None) -> dict[str, NDArray[np.float64]]:
        """The metrics of ``diptych.models.metrics`` that can be told, with every row as often as its weight says.

        Args:
            weights: float ``[n, rows]``; None counts each row once, and n is 1.

        Returns:
            Metric to float64 ``[n]``: ``accuracy``, ``macro_f1`` and ``micro_f1``; if there are scores, all
            others too, except ``mean_average_precision`` if they are too many.
        """
        if weights is None:
            weights = np.ones((1, len(self.ids)))
        right = weights @ self._right
        either = weights @ self.actual + weights @ self.predicted
        occurring = either > 0
        f1 = np.divide(2 * right, either, out=np.zeros(right.shape), where=occurring)
        found = {
            "accuracy": weights @ self.correct / weights.sum(axis=1),
            "macro_f1": f1.sum(axis=1) / np.maximum(occurring.sum(axis=1), 1),
            "micro_f1": 2 * right.sum(axis=1) / np.maximum(either.sum(axis=1), 1),
        }
        return found | (self.scores.metrics(weights) if self.scores else {})


def predictions_by_name(
    ids: Sequence[str], actual: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> RowPredictions:
    """Predictions whose labels are given by name, for rows in any order."""
    order = sorted(range(len(ids)), key=ids.__getitem__)
    labels = sorted({label for of_rows in (actual, predicted) for of_row in of_rows for label in of_row})
    columns = {label: column for column, label in enumerate(labels)}
    return RowPredictions(
        [ids[row] for row in order],
        labels,
        _indicators([actual[row] for row in order], columns),
        _indicators([predicted[row] for row in order], columns),
    )


def label_names(indicators: csr_matrix, labels: Sequence[str]) -> list[list[str]]:
    """The labels of each row.

    Args:
        indicators: 0 or 1, ``[rows, labels]``.
        labels: the label of each column.
    """
    names: list[list[str]] = [[] for _ in range(indicators.shape[0])]
    for row, column in zip(*indicators.nonzero(), strict=True):
        names[row].append(labels[column])
    return names


def _indicators(rows: Sequence[Sequence[str]], columns: Mapping[str, int]) -> csr_matrix:
    """1 where a row has the label of the column, else 0."""
    found = [sorted({columns[label] for label in row}) for row in rows]
    indices = np.array([column for row in found for column in row], np.int32)
    pointers = np.cumsum([0, *map(len, found)])
    return csr_matrix((np.ones(len(indices), np.float32), indices, pointers), (len(rows), len(columns)))


def _average_precision(scores: NDArray[Any], actual: NDArray[np.bool_], by_row: NDArray[Any]) -> NDArray[np.float64]:
    """The average precision of a label for each resample; NaN where no row of it has the label.

    Args:
        scores: ``[rows]``.
        actual: ``[rows]``, of which one at least is true.
        by_row: weights ``[rows, n]``: a row's weights lie together, so that rows are put in order quickly.
    """
    order = np.argsort(-scores, kind="stable")
    negated, positive = -scores[order], actual[order]
    # The places up to which rows score at least as much as a positive; each is there once, however many are equal.
    ends = np.unique(np.searchsorted(negated, negated[positive], side="right"))
    in_order = by_row[order[: ends[-1]]]
    starts = np.concatenate([[0], ends[:-1]])
    own = np.add.reduceat(in_order * positive[: ends[-1], None], starts, axis=0, dtype=np.float64)
    predicted = np.add.reduceat(in_order, starts, axis=0, dtype=np.float64).cumsum(axis=0)
    precision = np.divide(own.cumsum(axis=0), predicted, out=np.zeros(own.shape), where=predicted > 0)
    total = own.sum(axis=0)
    return np.divide((own * precision).sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
