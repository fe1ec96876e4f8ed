"""The predictions of an exported model: how well they are calibrated, and where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from diptych.components.report.predictions import (
    Mistake,
    Predictions,
    calibration_bins,
    majority_baseline_metrics,
    most_confident_mistakes,
    predict,
)
from diptych.models.labels import Task
from diptych.models.serving.card import ModelCard, write_card
from diptych.models.text.options import TextOptions
from tests.helpers import SMALL


def make_predictions(task: Task, scores: list[list[float]], actual: list[list[int]]) -> Predictions:
    thresholds = (0.5, 0.5, 0.5) if task == "multilabel" else None
    return Predictions(task, ("a", "b", "c"), np.array(scores), np.array(actual, bool), thresholds)


def test_mistakes_come_most_confident_first() -> None:
    found = make_predictions(
        "multiclass",
        [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]],
        [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]],
    )
    assert most_confident_mistakes(found, 9) == [Mistake(2, "c", 0.8), Mistake(1, "b", 0.7), Mistake(3, "a", 0.4)]
    assert most_confident_mistakes(found, 1) == [Mistake(2, "c", 0.8)]


def test_of_several_labels_an_answer_too_many_is_a_mistake() -> None:
    found = make_predictions("multilabel", [[0.9, 0.6, 0.2], [0.7, 0.1, 0.1]], [[1, 0, 1], [1, 0, 0]])
    assert most_confident_mistakes(found, 9) == [Mistake(0, "b", 0.6)]


def test_calibration_compares_confidence_with_what_is_right() -> None:
    found = make_predictions(
        "multiclass", [[0.95, 0.05, 0], [0.95, 0.05, 0], [0.45, 0.35, 0.2]], [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    )
    low, high = calibration_bins(found)
    assert (low.decisions, low.confidence, low.correct) == (1, pytest.approx(0.45), 1.0)
    assert (high.decisions, high.confidence, high.correct) == (2, pytest.approx(0.95), 0.5)


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


class ParityModel(tf.Module):
    """Scores the first label by the parity of a record's length."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: Any) -> dict[str, Any]:
        odd = tf.cast(tf.strings.length(examples) % 2, tf.float32)
        return {"scores": tf.stack([odd, 1 - odd], axis=1)}


def test_records_are_scored_by_the_served_model(tmp_path: Path) -> None:
    module = ParityModel()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    card = ModelCard(
        labels=("odd", "even"), task="multiclass", image=SMALL, text=TextOptions(), needs=(), versions={}, digest=""
    )
    write_card(card, str(tmp_path))
    found = predict(str(tmp_path), [b"x" * n for n in range(100)], [("odd",)] * 99 + [("strange",)])
    np.testing.assert_array_equal(found.scores[:, 0], np.arange(100) % 2)
    assert found.actual.sum() == 99
    assert predict(str(tmp_path), [], []).scores.shape == (0, 2)
    assert (
        calibration_bins(predict(str(tmp_path), [], []))
        == most_confident_mistakes(predict(str(tmp_path), [], []), 3)
        == []
    )
