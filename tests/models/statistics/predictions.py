"""Predictions for the tests of statistics and of decisions that are taken by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from diptych.models.labels import Task
from diptych.models.statistics.row_predictions import RowPredictions, RowScores
from diptych.models.thresholds import predict_labels


def scored(
    task: Task, actual: NDArray[np.bool_], scores: NDArray[Any], thresholds: list[float] | None = None
) -> RowPredictions:
    """Predictions by scores; ids are the numbers of the rows, labels the numbers of the columns."""
    rows, labels = scores.shape
    return RowPredictions(
        [f"{row:06}" for row in range(rows)],
        [str(label) for label in range(labels)],
        csr_matrix(actual, dtype=np.float32),
        csr_matrix(predict_labels(scores, thresholds), dtype=np.float32),
        RowScores(task, 3, scores, actual),
    )


def of_one_label(actual: NDArray[np.int_], predicted: NDArray[np.int_], labels: int) -> RowPredictions:
    """Predictions of one label a row, without scores."""
    return RowPredictions(
        [f"{row:06}" for row in range(len(actual))],
        [str(label) for label in range(labels)],
        csr_matrix(np.eye(labels, dtype=np.float32)[actual]),
        csr_matrix(np.eye(labels, dtype=np.float32)[predicted]),
    )
