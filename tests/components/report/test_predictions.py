"""What is read of the network's predictions, and what always predicting the same would score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from diptych.components.evaluator.row_scores import write_predictions
from diptych.components.report.gallery_rows import Prediction
from diptych.components.report.predictions import majority_baseline_metrics, read_calibration, read_predictions
from diptych.models.statistics.row_predictions import CalibrationBin
from tests.models.statistics.predictions import scored


def test_what_the_evaluator_kept_is_read(tmp_path: Path) -> None:
    predictions = scored("multiclass", np.eye(3, dtype=bool)[[0, 0]], np.array([[0.75, 0.25, 0], [0.25, 0.5, 0.25]]))
    write_predictions(str(tmp_path), predictions)
    assert read_predictions(str(tmp_path)) == {
        "000000": Prediction(("0",), 0.75),
        "000001": Prediction(("1",), 0.5, ("1", 0.5)),
    }
    assert read_calibration(str(tmp_path)) == [CalibrationBin(1, 0.5, 0.0), CalibrationBin(1, 0.75, 1.0)]


def test_what_an_earlier_release_did_not_keep_is_not_there(tmp_path: Path) -> None:
    assert (read_predictions(str(tmp_path)), read_calibration(str(tmp_path))) == ({}, [])
    columns = {"id": ["a"], "label": [["x"]], "predicted": [["y"]], "score": [0.5]}
    parquet.write_table(pa.table(columns), tmp_path / "predictions.parquet")
    assert read_predictions(str(tmp_path)) == {"a": Prediction(("y",), 0.5)}


def test_the_majority_answers_one_label() -> None:
    labels = {"a": {"train": 9, "test": 6}, "b": {"train": 1, "test": 2}, "c": {"train": 1, "test": 0}}
    found = majority_baseline_metrics(labels, {"train": 11, "test": 8}, "train", "test")
    # scikit-learn: f1_score(["a"] * 6 + ["b"] * 2, ["a"] * 8, average="macro")
    assert found == {"accuracy": 0.75, "micro_f1": 0.75, "macro_f1": pytest.approx(0.428571, abs=1e-6)}
    assert majority_baseline_metrics({}, {}, "train", "test") == {}
    assert majority_baseline_metrics(labels, {"train": 11}, "train", "test") == {}


def test_of_several_labels_the_majority_is_the_one_that_most_examples_have() -> None:
    actual, predicted = [("a",), ("a", "b"), ("b", "c"), ("c",)], [("a",)] * 4
    labels = {"a": {"train": 5, "test": 2}, "b": {"train": 4, "test": 2}, "c": {"train": 1, "test": 2}}
    found = majority_baseline_metrics(labels, {"train": 6, "test": 4}, "train", "test")
    binarizer = MultiLabelBinarizer().fit(actual)
    for average in ("micro", "macro"):
        expected = f1_score(binarizer.transform(actual), binarizer.transform(predicted), average=average)
        assert found.pop(f"{average}_f1") == pytest.approx(expected)
    assert not found
