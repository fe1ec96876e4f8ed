"""The loss by which linear models are compared and combined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: For multiclass the class of each row, int ``[n]``; for multilabel 0 and 1, ``[n, classes]``.
Truth = NDArray[np.int64]


def log_loss(logits: NDArray[np.float32], truth: Truth) -> NDArray[np.float64]:
    """The log loss of each row, float64 ``[n]``; for multilabel, the mean over its labels."""
    scores = logits.astype(np.float64)
    if truth.ndim == 1:
        scores = scores - scores.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(truth)), truth]
    else:
        losses = (np.logaddexp(0, scores) - truth * scores).mean(axis=1)
    return np.asarray(losses)
