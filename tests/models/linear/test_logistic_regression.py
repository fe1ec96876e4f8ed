"""The fit is scikit-learn's, whatever blocks the features come in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from diptych.models.linear.logistic_regression import balanced_weights, fit_logistic_regression

CLASSES = 4


def draw(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of 300 rows of which half are mostly zeros, class ids, and several labels a row."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (300, 10)).astype(np.float32)
    features[:, 5:] *= rng.random((300, 5)) < 0.2
    logits = features @ rng.normal(0, 1, (10, CLASSES)) + rng.normal(0, 1, (300, CLASSES))
    return features, logits.argmax(axis=1), logits > [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
def test_of_one_label_scores_are_those_of_scikit_learn(seed: int) -> None:
    features, classes, _ = draw(seed)
    blocks = [features[:, :5], csr_matrix(features[:, 5:])]
    found = fit_logistic_regression(blocks, np.eye(CLASSES, dtype=bool)[classes], "multiclass").predict_scores(blocks)
    expected = LogisticRegression(tol=1e-6).fit(features, classes).predict_proba(features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize("balanced", [False, True])
def test_of_several_labels_scores_are_those_of_scikit_learn(balanced: bool) -> None:
    features, _, truth = draw(3)
    blocks = [csr_matrix(features[:, 5:]), features[:, :5]]
    found = fit_logistic_regression(
        blocks, truth, "multilabel", balanced_weights(truth) if balanced else None
    ).predict_scores(blocks)
    linear = LogisticRegression(tol=1e-6, class_weight="balanced" if balanced else None)
    expected = OneVsRestClassifier(linear).fit(np.hstack([features[:, 5:], features[:, :5]]), truth)
    np.testing.assert_allclose(found, expected.predict_proba(np.hstack([features[:, 5:], features[:, :5]])), atol=1e-2)


def test_a_block_times_the_root_of_a_c_is_regularised_by_it() -> None:
    features, classes, _ = draw(4)
    scaled = [features * np.float32(0.1)]
    found = fit_logistic_regression(scaled, np.eye(CLASSES, dtype=bool)[classes], "multiclass").predict_scores(scaled)
    expected = LogisticRegression(C=0.01, tol=1e-6).fit(features, classes).predict_proba(features)
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize("balanced", [False, True])
def test_a_label_of_no_row_and_one_of_every_row_are_no_trouble(balanced: bool) -> None:
    features, _, truth = draw(5)
    truth = truth.copy()
    truth[:, 0], truth[:, 1] = False, True
    scores = fit_logistic_regression(
        [features], truth, "multilabel", balanced_weights(truth) if balanced else None
    ).predict_scores([features])
    assert np.all(scores[:, 0] < 0.2)
    assert np.all(scores[:, 1] > 0.8)


def test_of_very_many_classes_some_are_fitted_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    features, classes, several = draw(7)
    one = np.eye(CLASSES, dtype=bool)[classes]
    at_once = fit_logistic_regression([features], several, "multilabel").predict_scores([features])
    monkeypatch.setattr("diptych.models.linear.logistic_regression._MAX_WEIGHTS", 35)
    in_parts = fit_logistic_regression([features], several, "multilabel").predict_scores([features])
    np.testing.assert_allclose(in_parts, at_once, atol=1e-2)
    scores = fit_logistic_regression([features], one, "multiclass").predict_scores([features])
    assert scores.sum(axis=1) == pytest.approx(np.ones(len(scores)))
    assert (scores.argmax(axis=1) == classes).mean() > 0.65


def test_of_a_single_class_it_is_sure() -> None:
    features, _, _ = draw(6)
    found = fit_logistic_regression([features], np.ones((300, 1), bool), "multiclass").predict_scores([features])
    assert found == pytest.approx(np.ones((300, 1)))
