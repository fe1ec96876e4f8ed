"""How much models count together, and how rare labels are found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from diptych.models.linear.log_loss import log_loss
from diptych.models.linear.stacking import SHIFTS, fit_biases, fit_scales

ROWS = 6000


def draw_truth(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """Labels that have the probabilities of these logits."""
    rng = np.random.default_rng(1)
    if multilabel:
        return (rng.logistic(size=logits.shape) < logits).astype(np.int64)
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_scales_of_a_known_mixture_are_found(multilabel: bool) -> None:
    one, two = (np.random.default_rng(seed).normal(size=(ROWS, 4)).astype(np.float32) for seed in range(2))
    truth = draw_truth(0.5 * one + 2 * two, multilabel)
    assert fit_scales([one, two], truth) == pytest.approx([0.5, 2], abs=0.12)


def test_a_model_that_is_too_sure_is_cooled() -> None:
    logits = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    (scale,) = fit_scales([10 * logits], draw_truth(logits, False))
    assert scale == pytest.approx(0.1, abs=0.01)


def test_a_model_that_knows_nothing_or_the_opposite_does_not_count() -> None:
    good, useless = (np.random.default_rng(seed).normal(size=(ROWS, 4)).astype(np.float32) for seed in range(2))
    truth = draw_truth(2 * good, False)
    scales = fit_scales([good, useless, -good], truth)
    assert scales.min() >= 0
    assert scales[1] < 0.1
    assert scales[0] - scales[2] == pytest.approx(2, abs=0.15)


def test_the_stack_is_at_least_as_good_as_each_model() -> None:
    one, two = (np.random.default_rng(seed).normal(size=(ROWS, 4)).astype(np.float32) for seed in range(2))
    truth = draw_truth(one + two, False)
    scales = fit_scales([one, two], truth)
    assert log_loss(scales[0] * one + scales[1] * two, truth).mean() < min(
        log_loss(logits, truth).mean() for logits in (one, two)
    )


def unequal() -> tuple[np.ndarray, np.ndarray]:
    """Logits of which the rare label is right, but too low; and the truth."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [900, 80, 20])
    logits = np.eye(3)[truth] * 2.5 + rng.normal(0, 0.7, (1000, 3)) + np.log([0.9, 0.08, 0.02])
    return logits.astype(np.float32), truth


def test_biases_raise_rare_labels_and_what_is_chosen_is_best() -> None:
    logits, truth = unequal()
    biases = fit_biases(logits, truth, SHIFTS)
    assert biases.dtype == np.float32
    assert biases[2] > biases[1] > biases[0] > 0

    def score(shift: float) -> float:
        found = (logits - shift * np.log([0.9, 0.08, 0.02])).argmax(axis=1)
        return accuracy_score(truth, found) + f1_score(truth, found, average="macro")

    chosen = biases[0] / -np.log(0.9)
    assert score(chosen) == pytest.approx(max(score(shift) for shift in SHIFTS))
    assert score(chosen) > score(0)


def test_without_shifts_to_choose_from_and_for_several_labels_there_is_no_bias() -> None:
    logits, truth = unequal()
    assert not fit_biases(logits, truth, (0.0,)).any()
    assert not fit_biases(logits, np.eye(3, dtype=np.int64)[truth], SHIFTS).any()


def test_a_label_of_no_row_gets_a_finite_bias() -> None:
    logits, truth = unequal()
    wider = np.hstack([logits, np.full((len(logits), 1), -9, np.float32)])
    assert np.isfinite(fit_biases(wider, truth, SHIFTS)).all()
