"""Flipped labels are found, and where a classifier has nothing to say, it contradicts none."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.components.linear_baseline.suspicious_labels import Contradiction, fit_judge, list_contradictions
from diptych.models.baselines.classifier import out_of_fold_scores
from diptych.models.labels import Task
from diptych.models.linear.logistic import make_folds

ROWS, FLIPPED = 600, 18


def draw_classes(shares: list[float], told: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features, and which class each row has; ``told`` is how far the features tell it."""
    rng = np.random.default_rng(seed)
    truth = np.eye(len(shares), dtype=bool)[rng.choice(len(shares), ROWS, p=shares)]
    return (told * truth @ rng.normal(size=(len(shares), 30)) + rng.normal(size=(ROWS, 30))).astype(np.float32), truth


def score(features: np.ndarray, truth: np.ndarray, task: Task) -> np.ndarray:
    folds = make_folds(truth if task == "multilabel" else truth.argmax(axis=1), range(ROWS), 0)
    return out_of_fold_scores([features], truth, task, folds)


def find(features: np.ndarray, truth: np.ndarray, task: Task) -> list[Contradiction]:
    scores = score(features, truth, task)
    return list_contradictions(fit_judge(scores, truth, task), scores, truth, [*map(str, range(truth.shape[1]))])


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.2] * 5])
def test_flipped_classes_are_found(shares: list[float]) -> None:
    features, truth = draw_classes(shares, 1.5)
    flipped = np.random.default_rng(1).choice(ROWS, FLIPPED, replace=False)
    given = truth.copy()
    given[flipped] = np.roll(truth[flipped], 1, axis=1)
    found = find(features, given, "multiclass")
    hits = [each for each in found[:FLIPPED] if each.row in flipped]
    # By chance it would be 3 % of them.
    assert len(hits) >= 0.6 * FLIPPED
    assert len(hits) >= 0.6 * len(found[:FLIPPED])
    suggested = [each.suggested == (str(truth[each.row].argmax()),) for each in hits]
    assert np.mean(suggested) > 0.9
    confidences = [each.confidence for each in found]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 < confidence <= 1 for confidence in confidences)


@pytest.mark.parametrize("dimensions", [10, 300])
@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.97, 0.03], [0.1] * 10, [0.7, 0.2, 0.05, 0.05]])
def test_of_noise_no_label_is_contradicted(shares: list[float], dimensions: int) -> None:
    """Not even where most rows have one label, so that it is nearly always right to predict that."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        _, truth = draw_classes(shares, 0, seed)
        features = rng.normal(size=(ROWS, dimensions)).astype(np.float32)
        assert find(features, truth, "multiclass") == []
        if dimensions == 10:
            assert find(features, rng.random((ROWS, len(shares))) < shares, "multilabel") == []


def test_of_several_labels_one_that_lacks_and_one_too_many_are_found() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((ROWS, 6)) < [0.5, 0.4, 0.3, 0.2, 0.2, 0.1]
    features = (1.5 * truth @ rng.normal(size=(6, 30)) + rng.normal(size=(ROWS, 30))).astype(np.float32)
    flipped = {int(row): int(rng.integers(6)) for row in rng.choice(ROWS, FLIPPED, replace=False)}
    given = truth.copy()
    for row, label in flipped.items():
        given[row, label] ^= True
    found = find(features, given, "multilabel")
    hits = [each for each in found[:FLIPPED] if each.row in flipped]
    assert len(hits) >= 0.6 * FLIPPED
    restored = [each.suggested == tuple(map(str, np.flatnonzero(truth[each.row]))) for each in hits]
    assert np.mean(restored) > 0.9
    missing = {len(each.suggested) > given[each.row].sum() for each in hits}
    assert missing == {True, False}


def test_a_label_must_score_as_much_as_its_own_rows_do_on_average() -> None:
    """Rows of b score 0.9 for it, so 0.6 says nothing for b; rows of a score 0.6 for it."""
    truth = np.array([[1, 0]] * 50 + [[0, 1]] * 50, bool)
    scores = np.where(truth[:, :1], [0.6, 0.4], [0.1, 0.9]).astype(np.float32)
    judge = fit_judge(scores, truth, "multiclass")
    assert judge.present == pytest.approx([0.6, 0.9])
    rows = np.array([[0.61, 0.39], [0.4, 0.6], [0.05, 0.95], [0.02, 0.98]], np.float32)
    given = np.array([[0, 1], [1, 0], [1, 0], [1, 0]], bool)
    assert list_contradictions(judge, rows, given, "ab") == [
        Contradiction(3, ("b",), pytest.approx(0.96)),
        Contradiction(2, ("b",), pytest.approx(0.9)),
        Contradiction(0, ("a",), pytest.approx(0.22)),
    ]


def test_a_row_whose_label_is_unknown_is_not_judged() -> None:
    truth = np.eye(2, dtype=bool)[np.arange(60) % 2]
    judge = fit_judge(np.where(truth, 0.9, 0.1).astype(np.float32), truth, "multiclass")
    scores = np.array([[0.95, 0.05]], np.float32)
    assert list_contradictions(judge, scores, np.array([[False, True]]), "ab")
    assert list_contradictions(judge, scores, np.array([[False, False]]), "ab") == []


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_without_scores_out_of_fold_none_is_contradicted(task: Task) -> None:
    """As of a catalogue whose rows are all of one group."""
    truth = np.eye(2, dtype=bool)[np.arange(20) % 2]
    scores = out_of_fold_scores([np.zeros((20, 3), np.float32)], truth, task, ())
    assert list_contradictions(fit_judge(scores, truth, task), scores, truth, "ab") == []
