"""Logistic regression on blocks of features side by side, some sparse and some dense.

It minimises what scikit-learn's ``LogisticRegression`` does. That takes one matrix, and texts beside images would be a
dense one of mostly zeros, or a sparse one of which most is filled; and it fits one label of several after the other.
Block by block, and all labels at once, it takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import expit, softmax

from diptych.models.labels import Task
from diptych.models.linear.discriminant import fit_discriminant

#: Features of the same rows, float32 ``[n, features]``: a NumPy array or a CSR matrix.
Block = Any

# As scikit-learn's "lbfgs": the largest slope of the mean loss at which the fit ends, and the most iterations.
_TOLERANCE = 1e-4
MAX_ITERATIONS = 300
# How many steps the optimizer remembers. More cost it more time, which is most of all, and save it hardly an iteration.
_CORRECTIONS = 5
# The most weights that are fitted together: the optimizer keeps some 200 bytes for each.
_MAX_WEIGHTS = 5_000_000
# float32 holds a loss no more exactly than this share of it.
_RELATIVE_TOLERANCE = 1e-7


@dataclass(frozen=True)
class LogisticRegression:
    """A fitted model.

    Attributes:
        weights: of each block, float32 ``[features, classes]``.
        intercept: float32 ``[classes]``.
    """

    task: Task
    weights: Sequence[NDArray[np.float32]]
    intercept: NDArray[np.float32]

    def predict_scores(self, blocks: Sequence[Block]) -> NDArray[np.float32]:
        """The probability of each label, ``[n, classes]``; for multiclass each row's sum is 1."""
        logits = self.intercept + sum(block @ weights for block, weights in zip(blocks, self.weights, strict=True))
        return np.asarray(softmax(logits, axis=1) if self.task == "multiclass" else expit(logits), np.float32)


def fit_logistic_regression(
    blocks: Sequence[Block],
    truth: NDArray[np.bool_],
    task: Task,
    row_weights: NDArray[np.float32] | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> LogisticRegression:
    """Fits a model with scikit-learn's ``C`` of 1; features that are multiplied by the root of a ``C`` have that one.

    Of very many labels, some are fitted at a time. Of very many classes, which would have to be fitted together, the
    weights are those of discriminant analysis (``fit_discriminant``).

    Args:
        truth: whether a row has a label, ``[n, classes]``; for multiclass each row has exactly one.
        row_weights: of the rows, float32 ``[n, 1]``, or of each row for each label, ``[n, classes]``; None for 1.
        max_iterations: of the optimizer.
    """
    classes = truth.shape[1]
    together = max(1, _MAX_WEIGHTS // sum(block.shape[1] for block in blocks))
    if task == "multiclass":
        if classes > together:
            return LogisticRegression(task, *fit_discriminant(blocks, truth, row_weights))
        return LogisticRegression(task, *_fit_together(blocks, truth, task, row_weights, max_iterations))
    parts = [
        _fit_together(blocks, truth[:, some], task, _columns(row_weights, some), max_iterations)
        for some in (slice(start, start + together) for start in range(0, classes, together))
    ]
    weights = [np.concatenate(of_block, axis=1) for of_block in zip(*(part[0] for part in parts), strict=True)]
    return LogisticRegression(task, weights, np.concatenate([intercept for _, intercept in parts]))


def balanced_weights(truth: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The weight of each row for each label, ``[n, classes]``: the rows with it and those without it weigh n / 2.

    So does scikit-learn's ``class_weight="balanced"``.
    """
    positives = truth.sum(axis=0)
    of_present, of_absent = (len(truth) / (2 * np.maximum(count, 1)) for count in (positives, len(truth) - positives))
    return np.where(truth, of_present, of_absent).astype(np.float32)


def _columns(row_weights: NDArray[np.float32] | None, some: slice) -> NDArray[np.float32] | None:
    return row_weights if row_weights is None or row_weights.shape[1] == 1 else row_weights[:, some]


def _fit_together(
    blocks: Sequence[Block],
    truth: NDArray[np.bool_],
    task: Task,
    row_weights: NDArray[np.float32] | None,
    max_iterations: int,
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """The weights of each block, and the intercepts."""
    from scipy.optimize import minimize

    objective = _Objective(blocks, truth, task, row_weights)
    found = minimize(
        objective,
        np.zeros(objective.features * truth.shape[1] + truth.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iterations,
            "maxcor": _CORRECTIONS,
            "gtol": _TOLERANCE,
            "ftol": _RELATIVE_TOLERANCE,
        },
    )
    *weights, intercept = objective.split(found.x)
    return weights, intercept[0]


class _Objective:
    """The mean loss and its gradient, as a function of all weights and intercepts in one vector."""

    def __init__(
        self, blocks: Sequence[Block], truth: NDArray[np.bool_], task: Task, row_weights: NDArray[np.float32] | None
    ) -> None:
        self._blocks, self._truth, self._task = blocks, truth, task
        # The transpose of a CSR matrix would be a slow CSC matrix.
        self._transposed = [block.T.tocsr() if issparse(block) else block.T for block in blocks]
        self._row_weights = np.float32(1) if row_weights is None else row_weights
        self.features = sum(block.shape[1] for block in blocks)

    def split(self, parameters: NDArray[np.float64]) -> list[NDArray[np.float32]]:
        """The weights ``[features, classes]`` of each block, and the intercepts ``[1, classes]``."""
        rows = parameters.astype(np.float32).reshape(-1, self._truth.shape[1])
        return np.split(rows, np.cumsum([block.shape[1] for block in self._blocks]))

    def __call__(self, parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        *weights, intercept = self.split(parameters)
        logits = intercept + sum(block @ of_block for block, of_block in zip(self._blocks, weights, strict=True))
        loss, residual = self._multiclass(logits) if self._task == "multiclass" else self._multilabel(logits)
        gradients = [block @ residual + own for block, own in zip(self._transposed, weights, strict=True)]
        gradient = np.concatenate([*gradients, residual.sum(axis=0, keepdims=True)], dtype=np.float64).ravel()
        gradient /= len(logits)
        of_blocks = parameters[: -intercept.size]
        return (loss + float(of_blocks @ of_blocks) / 2) / len(logits), gradient

    def _multiclass(self, logits: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """The summed cross-entropy, and its derivative by each logit."""
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[self._truth][:, None]
        residual = np.exp(logits, out=logits)
        totals = residual.sum(axis=1, keepdims=True)
        residual /= totals
        residual -= self._truth
        losses = self._row_weights * (np.log(totals) - own)
        return float(losses.sum(dtype=np.float64)), self._row_weights * residual

    def _multilabel(self, logits: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """The summed binary cross-entropy of all labels, and its derivative by each logit."""
        losses = np.logaddexp(np.float32(0), np.where(self._truth, -logits, logits))
        residual = self._row_weights * (expit(logits) - self._truth)
        return float((self._row_weights * losses).sum(dtype=np.float64)), residual
