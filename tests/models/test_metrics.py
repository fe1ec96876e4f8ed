"""Metrics equal those of scikit-learn, for every division of the examples into batches."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from diptych.models.metrics import METRICS, MetricAccumulator, per_label_metrics, shown_metrics

CLASSES = 5
THRESHOLDS = (0.5, 0.2, 0.3, 0.5, 0.8)


def random_examples(seed: int, rows: int, task: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores; some labels never occur in small samples."""
    rng = np.random.default_rng(seed)
    scores = rng.random((rows, CLASSES)) ** 2
    if task == "multiclass":
        return rng.integers(0, CLASSES, rows), scores / scores.sum(axis=1, keepdims=True)
    labels = rng.random((rows, CLASSES)) < 0.3
    labels[np.arange(rows), rng.integers(0, CLASSES, rows)] = True
    return labels.astype(np.float32), scores


def accumulate(labels: np.ndarray, scores: np.ndarray, task: Any, top_k: int = 2) -> MetricAccumulator:
    """Adds batches of three to two accumulators, which are then merged."""
    thresholds = THRESHOLDS if task == "multilabel" else None
    parts = [MetricAccumulator(task, CLASSES, top_k, thresholds), MetricAccumulator(task, CLASSES, top_k, thresholds)]
    for number, start in enumerate(range(0, len(labels), 3)):
        parts[number % 2].add(labels[start : start + 3], scores[start : start + 3])
    return parts[0].merge(parts[1])


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, CLASSES - 1))
def test_of_one_label_all_metrics_are_scikit_learns(seed: int, rows: int, top_k: int) -> None:
    labels, scores = random_examples(seed, rows, "multiclass")
    results = accumulate(labels, scores, "multiclass", top_k).result()
    predictions, one_hot = scores.argmax(axis=1), np.eye(CLASSES)[labels]
    assert results["accuracy"] == pytest.approx(sk.accuracy_score(labels, predictions))
    assert results["macro_f1"] == pytest.approx(sk.f1_score(labels, predictions, average="macro", zero_division=0))
    assert results["micro_f1"] == pytest.approx(sk.f1_score(labels, predictions, average="micro"))
    top = sk.top_k_accuracy_score(labels, scores, k=top_k, labels=range(CLASSES))
    assert results["top_k_accuracy"] == pytest.approx(top)
    assert results["ranking_precision"] == pytest.approx(sk.label_ranking_average_precision_score(one_hot, scores))


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_of_several_labels_all_metrics_are_scikit_learns(seed: int, rows: int) -> None:
    labels, scores = random_examples(seed, rows, "multilabel")
    results = accumulate(labels, scores, "multilabel").result()
    predictions = scores >= np.array(THRESHOLDS)
    assert results["accuracy"] == pytest.approx(sk.accuracy_score(labels, predictions))
    assert results["macro_f1"] == pytest.approx(sk.f1_score(labels, predictions, average="macro", zero_division=np.nan))
    assert results["micro_f1"] == pytest.approx(sk.f1_score(labels, predictions, average="micro", zero_division=0))
    assert results["ranking_precision"] == pytest.approx(sk.label_ranking_average_precision_score(labels, scores))
    best = np.argsort(-scores, axis=1)[:, :2]
    assert results["top_k_accuracy"] == pytest.approx(np.take_along_axis(labels, best, axis=1).any(axis=1).mean())


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from(["multiclass", "multilabel"]))
def test_labels_are_counted_as_scikit_learn_counts_them(seed: int, rows: int, task: Any) -> None:
    labels, scores = random_examples(seed, rows, task)
    predictions = scores.argmax(axis=1) if task == "multiclass" else (scores >= THRESHOLDS).astype(int)
    expected = sk.precision_recall_fscore_support(labels, predictions, labels=range(CLASSES), zero_division=0)
    found = per_label_metrics(accumulate(labels, scores, task).counts)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [one[name] for one in found] == pytest.approx(values.tolist())


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_confusion_is_scikit_learns(seed: int, rows: int) -> None:
    labels, scores = random_examples(seed, rows, "multiclass")
    matrix = np.zeros((CLASSES, CLASSES), int)
    for pair, count in accumulate(labels, scores, "multiclass").confusion.items():
        matrix[pair] = count
    expected = sk.confusion_matrix(labels, scores.argmax(axis=1), labels=range(CLASSES))
    np.testing.assert_array_equal(matrix, expected)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from(["multiclass", "multilabel"]))
def test_calibration_error_is_the_mean_gap_of_the_bins(seed: int, rows: int, task: Any) -> None:
    labels, scores = random_examples(seed, rows, task)
    confidence, right = scores.ravel(), labels.ravel()
    if task == "multiclass":
        confidence, right = scores.max(axis=1), labels == scores.argmax(axis=1)
    expected = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert accumulate(labels, scores, task).result()["calibration_error"] == pytest.approx(expected)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from(["multiclass", "multilabel"]), st.integers(1, 6))
def test_mean_average_precision_is_scikit_learns_of_tied_scores_too(
    seed: int, rows: int, task: Any, levels: int
) -> None:
    labels, scores = random_examples(seed, rows, task)
    scores = np.round(scores * levels) / levels
    actual = np.eye(CLASSES)[labels] if task == "multiclass" else labels
    occurring = actual.any(axis=0)
    expected = sk.average_precision_score(actual[:, occurring], scores[:, occurring], average="macro")
    assert accumulate(labels, scores, task).value("mean_average_precision") == pytest.approx(expected)


def test_of_examples_without_a_known_label_mean_average_precision_is_0() -> None:
    assert accumulate(np.array([-1]), np.eye(CLASSES)[:1], "multiclass").value("mean_average_precision") == 0


def test_an_example_below_all_thresholds_gets_its_best_label_if_it_must_have_one() -> None:
    labels, scores = np.array([[1, 0, 0, 0, 0]]), np.array([[0.4, 0.1, 0.1, 0.1, 0.1]])
    found = [
        MetricAccumulator("multilabel", CLASSES, 1, THRESHOLDS, flag).add(labels, scores) for flag in (True, False)
    ]
    assert [one.value("micro_f1") for one in found] == [1, 0]


def test_a_sure_and_right_model_is_calibrated_and_a_sure_and_wrong_one_is_not() -> None:
    scores = np.eye(CLASSES)
    labels = np.arange(CLASSES)
    assert accumulate(labels, scores, "multiclass").result()["calibration_error"] == 0
    assert accumulate((labels + 1) % CLASSES, scores, "multiclass").result()["calibration_error"] == 1


def test_of_equal_scores_the_first_label_is_the_answer() -> None:
    scores = np.full((1, CLASSES), 0.2)
    assert accumulate(np.array([0]), scores, "multiclass").result()["accuracy"] == 1
    assert accumulate(np.array([1]), scores, "multiclass", top_k=2).result()["top_k_accuracy"] == 1
    assert accumulate(np.array([2]), scores, "multiclass", top_k=2).result()["top_k_accuracy"] == 0


def test_an_unknown_label_is_never_answered() -> None:
    results = accumulate(np.array([-1]), np.full((1, CLASSES), 0.2), "multiclass", top_k=CLASSES).result()
    assert results["accuracy"] == results["top_k_accuracy"] == results["ranking_precision"] == 0


def test_metrics_of_nothing_are_no_numbers() -> None:
    results = MetricAccumulator("multilabel", CLASSES, 2).result()
    assert list(results) == list(METRICS)
    assert all(isnan(value) for value in results.values())


def test_an_empty_batch_changes_nothing() -> None:
    labels, scores = random_examples(1, 4, "multiclass")
    one = accumulate(labels, scores, "multiclass")
    assert one.add(labels[:0], scores[:0]).result() == accumulate(labels, scores, "multiclass").result()


def test_micro_f1_is_not_shown_where_it_is_the_accuracy() -> None:
    assert shown_metrics({"micro_f1": 0.5, "accuracy": 0.5, "other": 1.0}) == ["accuracy"]
    assert shown_metrics({"micro_f1": 0.6, "accuracy": 0.5}) == ["accuracy", "micro_f1"]
    assert shown_metrics({"micro_f1": 0.6}) == ["micro_f1"]
