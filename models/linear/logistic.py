"""Logistic regression whose regularization is chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.inputs import Modality
from diptych.models.labels import Task
from diptych.models.linear.log_loss import Truth, log_loss
from diptych.models.linear.logistic_regression import Block, fit_logistic_regression

#: Features of the same rows by modality, float32 ``[n, d]`` each, dense or CSR.
Blocks = Mapping[Modality, Block]
#: Rows that are fitted, and rows that are held out, both as indices.
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

# With so many rows, three folds tell as much as five of fewer do.
_MANY_ROWS, _FEW_FOLDS, _FOLDS = 2_000, 3, 5


@dataclass(frozen=True)
class LinearModel:
    """Weights of each block of features, float32 ``[d, classes]``, and biases float32 ``[classes]``."""

    weights: Mapping[Modality, NDArray[np.float32]]
    biases: NDArray[np.float32]

    def logits(self, blocks: Blocks) -> NDArray[np.float32]:
        """The logits of rows, float32 ``[n, classes]``; further blocks are ignored."""
        return np.asarray(self.biases + sum(blocks[name] @ weights for name, weights in self.weights.items()))


def combine(models: Sequence[LinearModel], scales: Sequence[float], biases: NDArray[np.float32]) -> LinearModel:
    """The model whose logits are the sum of those of others, each scaled, and of biases ``[classes]``."""
    weights: dict[Modality, NDArray[np.float32]] = {}
    for model, scale in zip(models, scales, strict=True):
        for name, of_block in model.weights.items():
            weights[name] = weights.get(name, np.float32(0)) + np.float32(scale) * of_block
        biases = biases + np.float32(scale) * model.biases
    return LinearModel(weights, biases)


@dataclass(frozen=True)
class ValidatedModel:
    """A linear model with what cross-validation says of it.

    Attributes:
        model: fitted on all rows.
        held_out: the logits of each row by a model that was fitted without it, float32 ``[n, classes]``.
        inverse_regularization: the chosen ``C`` of each block.
    """

    model: LinearModel
    held_out: NDArray[np.float32]
    inverse_regularization: Mapping[Modality, float]


@dataclass(frozen=True)
class Examples:
    """What linear models are fitted to.

    Attributes:
        truth: see ``Truth``.
        classes: number of classes.
        weights: of the rows ``[n, 1]``, for multilabel of each row and label ``[n, classes]``; None for 1.
        folds: for cross-validation; without any, no row is held out.
    """

    truth: Truth
    classes: int
    weights: NDArray[np.float32] | None
    folds: Sequence[Fold]

    @property
    def task(self) -> Task:
        """Whether a row has one label, or any number of them."""
        return "multiclass" if self.truth.ndim == 1 else "multilabel"

    def select(self, present: NDArray[np.bool_]) -> Examples:
        """The rows for which ``present`` is true; folds that would have no row are left out."""
        places = np.cumsum(present) - 1
        folds = [(places[fitted[present[fitted]]], places[held[present[held]]]) for fitted, held in self.folds]
        weights = None if self.weights is None else self.weights[present]
        return Examples(self.truth[present], self.classes, weights, [fold for fold in folds if min(map(len, fold))])


def make_folds(truth: Truth, groups: Sequence[Any], seed: int) -> list[Fold]:
    """Five folds, or three of 2,000 rows or more, that keep groups together and, for multiclass, the classes' shares.

    For multiclass there are not more folds than the largest class has rows.

    Args:
        groups: of each row.

    Returns:
        No folds if all rows are of one group, or no class has two rows.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    parts = min(_FOLDS if len(truth) < _MANY_ROWS else _FEW_FOLDS, len(set(groups)))
    if truth.ndim == 1 and len(truth):
        parts = min(parts, int(np.bincount(truth).max()))
    if parts < 2:
        return []
    if truth.ndim == 2:
        # GroupKFold goes by the order of the groups, so they get random numbers.
        _, numbers = np.unique(np.asarray(groups), return_inverse=True)
        shuffled = np.random.default_rng(seed).permutation(numbers.max() + 1)[numbers]
        return list(GroupKFold(parts).split(truth, groups=shuffled))
    with warnings.catch_warnings():
        # Of a class with fewer rows than there are folds.
        warnings.simplefilter("ignore", UserWarning)
        folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        return list(folds.split(truth, truth, groups))


def fit_logistic(blocks: Blocks, examples: Examples, inverse_regularization: Mapping[Modality, float]) -> LinearModel:
    """Fits a multinomial logistic regression, or for multilabel one logistic regression a label.

    Args:
        inverse_regularization: ``C`` of each block that is fitted, as scikit-learn's.
    """
    indicated = examples.truth.astype(bool)
    if examples.task == "multiclass":
        indicated = examples.truth[:, None] == np.arange(examples.classes)
    roots = {name: np.float32(value**0.5) for name, value in inverse_regularization.items()}
    scaled = [blocks[name] * root for name, root in roots.items()]
    fitted = fit_logistic_regression(scaled, indicated, examples.task, examples.weights)
    weights = {name: root * own for (name, root), own in zip(roots.items(), fitted.weights, strict=True)}
    return LinearModel(weights, fitted.intercept)


def validate_logistic(
    blocks: Blocks, examples: Examples, candidates: Sequence[Mapping[Modality, float]]
) -> ValidatedModel:
    """Chooses each block's ``C`` among ascending candidates by the log loss of held-out rows, and fits all rows.

    The search ends at the first candidate that is worse than the one before it. Without folds the first candidate is
    taken, and no row is held out: the logits are those of the fitted model.
    """
    best: tuple[float, Mapping[Modality, float], NDArray[np.float32]] | None = None
    for candidate in candidates if examples.folds else ():
        held_out = _hold_out(blocks, examples, candidate)
        loss = float(log_loss(held_out, examples.truth).mean())
        if best and loss >= best[0]:
            break
        best = loss, candidate, held_out
    chosen = best[1] if best else candidates[0]
    model = fit_logistic(blocks, examples, chosen)
    return ValidatedModel(model, best[2] if best else model.logits(blocks), chosen)


def _hold_out(
    blocks: Blocks, examples: Examples, inverse_regularization: Mapping[Modality, float]
) -> NDArray[np.float32]:
    """The logits of each row by a model that was fitted without its fold, float32 ``[n, classes]``."""
    held_out = np.zeros((len(examples.truth), examples.classes), np.float32)
    for fitted, held in examples.folds:
        weights = None if examples.weights is None else examples.weights[fitted]
        part = Examples(examples.truth[fitted], examples.classes, weights, ())
        model = fit_logistic(select_rows(blocks, fitted), part, inverse_regularization)
        held_out[held] = model.logits(select_rows(blocks, held))
    return held_out


def select_rows(blocks: Blocks, rows: NDArray[Any]) -> dict[Modality, Block]:
    """Some rows of each block, by their indices or by bools."""
    return {name: block[rows] for name, block in blocks.items()}
