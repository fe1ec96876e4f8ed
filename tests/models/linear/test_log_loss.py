"""The log loss of logits is that of scikit-learn's scores, however great they are."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss

from diptych.models.linear.log_loss import log_loss

CLASSES = 3


def test_the_log_loss_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 3, (40, CLASSES)).astype(np.float32), np.arange(40) % CLASSES
    odds = np.exp(logits.astype(np.float64))
    losses = log_loss(logits, truth)
    assert losses.shape == (40,)
    assert losses.mean() == pytest.approx(sklearn_log_loss(truth, odds / odds.sum(axis=1, keepdims=True)), rel=1e-6)
    labels = np.stack([truth == 0, truth != 1, truth == 2], axis=1).astype(np.int64)
    by_label = [sklearn_log_loss(labels[:, place], (odds / (1 + odds))[:, place]) for place in range(CLASSES)]
    assert log_loss(logits, labels).mean() == pytest.approx(np.mean(by_label), rel=1e-6)


def test_the_log_loss_of_great_logits_is_finite() -> None:
    great = np.array([[1e4, -1e4]], np.float32)
    assert log_loss(great, np.array([1])) == pytest.approx(2e4)
    assert log_loss(great, np.array([[0, 1]])) == pytest.approx(1e4)
