"""Weighted rows give the metrics of rows that are there as often as their weight says."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.models.labels import Task
from diptych.models.metrics import METRICS, MetricAccumulator
from diptych.models.statistics.row_predictions import label_names, predictions_by_name
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
