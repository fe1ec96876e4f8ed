"""What the exported model predicts for rows of test: how well its confidence is calibrated, and where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.components.report.report_data import CalibrationBin
from diptych.models.labels import Task
from diptych.models.pattern_signs import load_saved_model
from diptych.models.serving.card import read_card
from diptych.models.thresholds import predict_labels

#: The number of rows, evenly spread, that predictions are made for.
MAX_ROWS = 1000

_BATCH = 64
_BINS = 10


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction: the index of the row, the predicted label, and its score."""

    row: int
    predicted: str
    score: float


@dataclass(frozen=True)
class Predictions:
    """The scores of some rows, and their labels.

    Attributes:
        names: the model's labels, in the order of the columns.
        scores: float ``[rows, labels]``.
        actual: bool ``[rows, labels]``, whether a row has the label.
        thresholds: as in the model's card.
        at_least_one: as in the model's card.
    """

    task: Task
    names: Sequence[str]
    scores: NDArray[Any]
    actual: NDArray[np.bool_]
    thresholds: Sequence[float] | None = None
    at_least_one: bool = False

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Which labels are predicted, bool ``[rows, labels]``."""
        return predict_labels(self.scores, self.thresholds, self.at_least_one)


def predict(model: str, records: Sequence[bytes], labels: Sequence[tuple[str, ...]]) -> Predictions:
    """Scores serialised records with an exported model.

    Args:
        model: the folder of the SavedModel.
        labels: the labels of each record.

    Raises:
        FileNotFoundError: the folder holds no model that Diptych exported.
        ValueError: the model's card cannot be read.
    """
    card = read_card(model)
    serve = load_saved_model(model).signatures["serving_default"]
    batches = [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
    scores = [next(iter(serve(examples=tf.constant(batch)).values())).numpy() for batch in batches]
    actual = np.array([[name in own for name in card.labels] for own in map(set, labels)], bool)
    shape = (len(records), len(card.labels))
    return Predictions(
        card.task,
        card.labels,
        np.concatenate([*scores, np.zeros((0, shape[1]))]),
        actual.reshape(shape),
        card.thresholds,
        card.at_least_one,
    )


def calibration_bins(predictions: Predictions) -> list[CalibrationBin]:
    """Groups decisions in ten bins of equal width by their confidence; empty bins are left out.

    ``diptych.models.metrics.MetricAccumulator`` defines decisions and their confidence.
    """
    if predictions.task == "multilabel":
        confidence, correct = predictions.scores.ravel(), predictions.actual.ravel()
    else:
        confidence = predictions.scores.max(axis=1)
        correct = (predictions.actual & predictions.predicted).any(axis=1)
    numbers = np.clip((confidence * _BINS).astype(int), 0, _BINS - 1)
    members = (numbers == number for number in range(_BINS))
    return [
        CalibrationBin(int(in_bin.sum()), float(confidence[in_bin].mean()), float(correct[in_bin].mean()))
        for in_bin in members
        if in_bin.any()
    ]


def most_confident_mistakes(predictions: Predictions, limit: int) -> list[Mistake]:
    """The wrong predictions with the best scores, at most one for each row, best first."""
    wrong = np.where(predictions.predicted & ~predictions.actual, predictions.scores, -1.0)
    best = wrong.max(axis=1, initial=-1.0)
    order = [row for row in np.argsort(-best, kind="stable").tolist() if best[row] >= 0]
    return [Mistake(row, predictions.names[int(wrong[row].argmax())], float(best[row])) for row in order[:limit]]


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
