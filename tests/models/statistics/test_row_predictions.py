"""Weighted rows give the metrics of rows that are there as often as their weight says."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.models.labels import Task
from diptych.models.metrics import METRICS, MetricAccumulator
from diptych.models.statistics.row_predictions import CalibrationBin, label_names, predictions_by_name
from tests.models.statistics.predictions import scored

ROWS, LABELS = 90, 7


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_each_resample_has_the_metrics_of_its_rows(task: Task) -> None:
    rng = np.random.default_rng(3)
    # Rounded, so that scores are equal here and there.
    scores = np.round(rng.random((ROWS, LABELS)), 1)
    ids = np.where(rng.random(ROWS) < 0.5, scores.argmax(axis=1), rng.integers(0, LABELS - 1, ROWS))
    actual = ids[:, None] == np.arange(LABELS) if task == "multiclass" else rng.random((ROWS, LABELS)) < scores * 0.4
    thresholds = None if task == "multiclass" else [0.7] * LABELS
    weights = np.stack([np.ones(ROWS, int), *rng.multinomial(ROWS, np.full(ROWS, 1 / ROWS), 3)])

    found = scored(task, actual, scores, thresholds).metrics(weights.astype(np.float32))
    assert found.keys() == set(METRICS)
    for place, weight in enumerate(weights):
        drawn = np.repeat(np.arange(ROWS), weight)
        labels = (ids if task == "multiclass" else actual)[drawn]
        expected = MetricAccumulator(task, LABELS, 3, thresholds).add(labels, scores[drawn]).result()
        assert {name: values[place] for name, values in found.items()} == pytest.approx(expected, abs=1e-6)


def test_without_weights_each_row_counts_once() -> None:
    predictions = predictions_by_name(["b", "a"], [["x"], ["y"]], [["x"], ["x"]])
    figures = {name: float(value) for name, (value,) in predictions.metrics().items()}
    assert figures == pytest.approx({"accuracy": 0.5, "macro_f1": 1 / 3, "micro_f1": 0.5})


def test_rows_are_in_the_order_of_their_ids() -> None:
    predictions = predictions_by_name(["b", "a", "c"], [["x"], ["y", "x"], []], [["x"], [], ["z"]])
    assert predictions.ids == ["a", "b", "c"]
    assert label_names(predictions.actual, predictions.labels) == [["x", "y"], ["x"], []]
    assert label_names(predictions.predicted, predictions.labels) == [[], ["x"], ["z"]]
    assert predictions.correct.tolist() == [False, True, False]


def test_of_what_is_predicted_wrongly_the_best_score_counts() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.4, 0.3, 0.3]])
    actual = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 0]], bool)
    assert scored("multiclass", actual, scores).worst_mistakes() == [None, ("1", 0.7), ("0", 0.4)]
    scores, actual = np.array([[0.9, 0.6, 0.7], [0.7, 0.1, 0.1]]), np.array([[1, 0, 0], [1, 1, 0]], bool)
    assert scored("multilabel", actual, scores, [0.5] * 3).worst_mistakes() == [("2", 0.7), None]


def test_calibration_compares_confidence_with_what_is_right() -> None:
    scores = np.array([[0.95, 0.05, 0], [0.95, 0.05, 0], [0.45, 0.35, 0.2]])
    found = scored("multiclass", np.eye(3, dtype=bool)[[0, 1, 0]], scores)
    assert found.scores
    low, high = found.scores.calibration()
    assert (low.decisions, low.confidence, low.correct) == (1, pytest.approx(0.45), 1.0)
    assert (high.decisions, high.confidence, high.correct) == (2, pytest.approx(0.95), 0.5)
    # The weighted distance of the bins is the metric.
    error = sum(each.decisions * abs(each.correct - each.confidence) for each in (low, high)) / 3
    assert found.metrics()["calibration_error"] == pytest.approx(error)
    several = scored("multilabel", np.array([[True, False]]), np.array([[0.99, 0.01]]), [0.5, 0.5])
    assert several.scores
    assert several.scores.calibration() == [CalibrationBin(1, 0.01, 0.0), CalibrationBin(1, 0.99, 1.0)]
