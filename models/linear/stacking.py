"""Stacking: how much the logits by the image and those by the text count together.

Wolpert, "Stacked Generalization", 1992: the models are combined by their scores of rows that they were not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from diptych.models.linear.log_loss import Truth, log_loss

#: How far the biases of labels may be moved towards rare ones: by these shares of the logarithm of their frequency.
SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0)


def fit_scales(logits: Sequence[NDArray[np.float32]], truth: Truth) -> NDArray[np.float64]:
    """The scales, at least 0, with which the sum of some logits has the least log loss; of one alone, its temperature.

    Args:
        logits: of held-out rows by each model, ``[n, classes]``.
    """
    stacked = np.stack(logits)
    bounds = [(0.0, None)] * len(stacked)
    start = np.full(len(stacked), 1 / len(stacked))
    found = minimize(
        lambda scales: log_loss(np.tensordot(scales, stacked, 1), truth).mean(), start, method="L-BFGS-B", bounds=bounds
    )
    return np.asarray(found.x)


def fit_biases(logits: NDArray[np.float32], truth: Truth, shifts: Sequence[float]) -> NDArray[np.float32]:
    """The biases of labels, float32 ``[classes]``, by which rare labels are found without losing others.

    They are ``-s log(share of the label)``, which for ``s = 1`` makes up for unequal shares (Menon et al., "Long-tail
    Learning via Logit Adjustment", 2021); ``s`` is the shift that gives held-out rows the greatest sum of accuracy and
    macro-F1. For multilabel they are 0, because there each label has a threshold of its own.

    Args:
        logits: of held-out rows, ``[n, classes]``.
        shifts: the values of ``s`` to choose from.
    """
    classes = logits.shape[1]
    if truth.ndim == 2:
        return np.zeros(classes, np.float32)
    from sklearn.metrics import accuracy_score, f1_score

    shares = np.maximum(np.bincount(truth, minlength=classes), 1) / len(truth)

    def score(shift: float) -> float:
        predicted = (logits - shift * np.log(shares)).argmax(axis=1)
        return float(accuracy_score(truth, predicted) + f1_score(truth, predicted, average="macro", zero_division=0))

    return np.asarray(-max(shifts, key=score) * np.log(shares), np.float32)
