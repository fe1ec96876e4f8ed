"""Thresholds of labels: chosen by examples, and applied to scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score

from diptych.models.thresholds import ThresholdOptions, choose_thresholds, predict_labels, requires_a_label

F1 = ThresholdOptions()


def draw(seed: int, positives: tuple[int, ...], rows: int, ceiling: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of which positives tend to have greater ones, and the truth; all scores are below the ceiling."""
    rng = np.random.default_rng(seed)
    truth = np.arange(rows)[:, None] < np.array(positives)
    truth = rng.permuted(truth, axis=0)
    logits = rng.normal(0, 1, truth.shape) + 2 * truth - 2
    return (ceiling / (1 + np.exp(-logits))).astype(np.float32), truth


def test_labels_of_many_examples_get_nearly_the_best_f1() -> None:
    scores, truth = draw(0, (500, 300, 100), 1000, ceiling=0.4)
    found = f1_score(truth, predict_labels(scores, choose_thresholds(scores, truth, F1)), average=None)
    best = [
        max(f1_score(truth[:, label], scores[:, label] >= cut) for cut in np.linspace(0, 0.4, 201))
        for label in range(3)
    ]
    assert not (scores >= 0.5).any()
    assert found == pytest.approx(best, abs=0.01)


def test_the_only_example_of_a_label_does_not_decide_its_threshold() -> None:
    """It scores least of all by accident: only if the label is predicted for every example, its own F1 is not 0."""
    scores, truth = draw(1, (300, 200, 1), 600)
    scores[truth[:, 2], 2] = 0.001
    scores[:, 2] = np.maximum(scores[:, 2], 0.001)
    thresholds = choose_thresholds(scores, truth, F1)
    assert 0 < (scores[:, 2] >= thresholds[2]).sum() < 10


def test_thresholds_predict_new_examples_of_rare_labels_better_than_one_half() -> None:
    positives = (60, 25, 12, 8, 6, 5)
    gains = []
    for seed in range(5):
        scores, truth = draw(seed, positives, 300, ceiling=0.6)
        fresh_scores, fresh = draw(seed + 100, positives, 300, ceiling=0.6)
        chosen = predict_labels(fresh_scores, choose_thresholds(scores, truth, F1))
        half = predict_labels(fresh_scores, [0.5] * len(positives))
        gains.append(np.subtract(*(f1_score(fresh, p, average="macro", zero_division=0) for p in (chosen, half))))
    assert min(gains) > 0.1


@pytest.mark.parametrize("precision", [0.5, 0.8, 0.95])
def test_a_wished_precision_is_reached_by_as_many_predictions_as_can_be(precision: float) -> None:
    scores, truth = draw(2, (2000, 1500), 5000)
    predicted = predict_labels(scores, choose_thresholds(scores, truth, ThresholdOptions(precision=precision)))
    found = precision_score(truth, predicted, average=None)
    assert found == pytest.approx([precision] * 2, abs=0.01)


def test_a_precision_that_no_threshold_reaches_leaves_the_label_out() -> None:
    scores, truth = draw(3, (50, 50), 400)
    rng = np.random.default_rng(3)
    scores = rng.random(scores.shape) * 0.9
    assert choose_thresholds(scores, truth, ThresholdOptions(precision=0.9)).tolist() == [1, 1]
    assert choose_thresholds(scores, np.zeros_like(truth), F1).tolist() == [1, 1]


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 5), st.sampled_from([None, 0.5, 1.0]))
def test_any_scores_have_thresholds_that_float32_holds(seed: int, rows: int, levels: int, precision: Any) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random((rows, 3)) * levels) / levels
    found = choose_thresholds(scores, rng.random((rows, 3)) < 0.3, ThresholdOptions(precision=precision))
    assert found.shape == (3,)
    assert np.all((found >= 0) & (found <= 1))
    assert found.tolist() == found.astype(np.float32).tolist()


def test_labels_at_their_threshold_are_predicted() -> None:
    scores = np.array([[0.5, 0.2, 0.1], [0.4, 0.1, 0.3], [0.0, 0.0, 0.0]])
    thresholds = [0.5, 0.2, 0.4]
    assert predict_labels(scores, thresholds).tolist() == [[True, True, False], [False] * 3, [False] * 3]
    assert predict_labels(scores, thresholds, at_least_one=True).tolist() == [
        [True, True, False],
        [True, False, False],
        [True, False, False],
    ]


def test_without_thresholds_the_first_of_the_best_labels_is_predicted() -> None:
    assert predict_labels(np.array([[0.1, 0.4, 0.4]]), None).tolist() == [[False, True, False]]


def test_every_example_gets_a_label_if_those_of_train_have_one_and_no_precision_is_wished_for() -> None:
    every, some = np.array([[True, False], [False, True]]), np.array([[True, False], [False, False]])
    assert requires_a_label(every, F1)
    assert not requires_a_label(some, F1)
    assert not requires_a_label(every, ThresholdOptions(precision=0.5))
