"""What the Evaluator kept of the network's predictions for test, and what always predicting the same would score."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

from pyarrow import parquet
from tfx.dsl.io import fileio

from diptych.components.artifacts import CALIBRATION_FILE, PREDICTIONS_FILE, read_json
from diptych.components.report.gallery_rows import Prediction
from diptych.models.statistics.row_predictions import CalibrationBin


def read_predictions(evaluation: str) -> dict[str, Prediction]:
    """What the network predicts for each row of test, by the row's id; empty if an Evaluator of an earlier release kept
    nothing.

    Raises:
        OSError, ValueError, KeyError: the file is damaged.
    """
    path = os.path.join(evaluation, PREDICTIONS_FILE)
    if not fileio.exists(path):
        return {}
    with fileio.open(path, "rb") as file:
        rows = parquet.read_table(io.BytesIO(file.read())).to_pylist()
    return {row["id"]: Prediction(tuple(row["predicted"]), row["score"], _mistake(row)) for row in rows}


def _mistake(row: Mapping[str, Any]) -> tuple[str, float] | None:
    wrong = row.get("wrong")
    return None if wrong is None else (wrong, row["wrong_score"])


def read_calibration(evaluation: str) -> list[CalibrationBin]:
    """How well the network's confidence is calibrated; empty if an Evaluator of an earlier release kept nothing.

    Raises:
        OSError, ValueError, TypeError: the file is damaged.
    """
    if not fileio.exists(os.path.join(evaluation, CALIBRATION_FILE)):
        return []
    return [CalibrationBin(**of_bin) for of_bin in read_json(evaluation, CALIBRATION_FILE)]


def majority_baseline_metrics(
    labels: Mapping[str, Mapping[str, int]], examples: Mapping[str, int], train: str, test: str
) -> dict[str, float]:
    """The metrics on test of predicting for every example the most frequent label of train, and no other.

    Args:
        labels: label to split to number of examples.
        examples: split to number of examples.

    Returns:
        ``micro_f1``, ``macro_f1``, and ``accuracy`` if each example of test has one label: with several, these numbers
        do not tell it. Empty if test has no examples.
    """
    rows = examples.get(test, 0)
    if not rows or not labels:
        return {}
    prediction = max(labels, key=lambda label: (labels[label].get(train, 0), label))
    right = labels[prediction].get(test, 0)
    actual = sum(counts.get(test, 0) for counts in labels.values())
    occurring = sum(counts.get(test, 0) > 0 or label == prediction for label, counts in labels.items())
    metrics = {"micro_f1": 2 * right / (rows + actual), "macro_f1": 2 * right / (rows + right) / occurring}
    return {"accuracy": right / rows, **metrics} if actual == rows else metrics
