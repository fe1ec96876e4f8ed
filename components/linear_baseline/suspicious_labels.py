"""Rows whose given labels a linear model contradicts with confidence: confident learning.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021: a label counts for a
row if its score reaches the mean score of the rows that are given the label, and rows are ranked by the normalized
margin. The scores of the rows that the model is fitted to must be out of fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych.models.labels import Task

# Scores are counted in so many bins of equal width.
_BINS = 200
# A decision is believed from the least score on at which decisions agree with the given labels by this much of what
# chance leaves, which is Cohen's kappa with the labels' own shares. Where a model knows nothing, none is.
_LEAST_KAPPA = 0.5
# So many more decisions that agree no more than by chance: a few that agree by luck prove nothing.
_DOUBTED = 5.0


@dataclass(frozen=True)
class Contradiction:
    """A row whose given labels are contradicted.

    Attributes:
        row: its index.
        suggested: the labels that the model would give it: of several labels, one is added or left out.
        confidence: how much the score of what is suggested exceeds that of what is given, 0 to 1.
    """

    row: int
    suggested: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class LabelJudge:
    """What out-of-fold scores tell of a linear model: from which scores on its decisions are believed.

    Attributes:
        present: the least score of each label at which the model is believed that a row has it, ``[labels]``.
        absent: the same of 1 - score, and that a row lacks it; None for multiclass.
    """

    present: NDArray[np.float32]
    absent: NDArray[np.float32] | None

    def contradict(
        self, scores: NDArray[np.float32], truth: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Of each row the label that is contradicted most, and with which confidence; of most rows that is negative.

        For multiclass, that is the label which the row should have instead. A row without a known label has the
        confidence -1.

        Args:
            scores: of each label, ``[n, labels]``.
            truth: whether a row is given a label, ``[n, labels]``.
        """
        missing = ~truth & (scores >= self.present)
        if self.absent is None:
            given = np.where(truth.any(axis=1, keepdims=True), (scores * truth).sum(axis=1, keepdims=True), np.inf)
            margins = np.where(missing, scores - given, -1)
        else:
            superfluous = truth & (1 - scores >= self.absent)
            margins = np.where(missing, 2 * scores - 1, np.where(superfluous, 1 - 2 * scores, -1))
        labels = margins.argmax(axis=1)
        confidence = np.maximum(margins[np.arange(len(margins)), labels], -1)
        return labels, confidence.astype(np.float32)


def fit_judge(scores: NDArray[np.float32], truth: NDArray[np.bool_], task: Task) -> LabelJudge:
    """Learns from out-of-fold scores ``[n, labels]`` which decisions are believed; ``truth`` are the given labels."""
    if task == "multiclass":
        chosen = scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])
        return LabelJudge(_least_scores(scores, truth, chosen), None)
    return LabelJudge(_least_scores(scores, truth, scores >= 0.5), _least_scores(1 - scores, ~truth, scores < 0.5))


def list_contradictions(
    judge: LabelJudge, scores: NDArray[np.float32], truth: NDArray[np.bool_], names: Sequence[str]
) -> list[Contradiction]:
    """The rows whose labels are contradicted, with the greatest confidence first.

    Args:
        names: of the labels.
    """
    labels, confidence = judge.contradict(scores, truth)
    rows = np.argsort(-confidence, kind="stable")
    return [
        Contradiction(row, _suggest(truth[row], labels[row], names, judge.absent is None), float(confidence[row]))
        for row in rows[confidence[rows] > 0].tolist()
    ]


def _suggest(given: NDArray[np.bool_], label: int, names: Sequence[str], is_only: bool) -> tuple[str, ...]:
    if is_only:
        return (names[label],)
    changed = given.copy()
    changed[label] = not given[label]
    return tuple(names[place] for place in np.flatnonzero(changed))


def _least_scores(
    scores: NDArray[np.float32], given: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The least score of each label at which a decision for it is believed, infinite where it never is.

    Args:
        scores: of deciding for a label, ``[n, labels]``.
        given: whether that is what the row is given.
        chosen: whether the model decides so.
    """
    counts = given.sum(axis=0)
    means = np.where(counts, np.where(given, scores, 0).sum(axis=0, dtype=np.float64) / np.maximum(counts, 1), np.inf)
    # Above chance: how many more decisions of a bin agree, and how many more could.
    gained, possible = np.zeros(_BINS), np.zeros(_BINS)
    for label, share in enumerate(given.mean(axis=0).tolist()):
        rows = chosen[:, label]
        bins = np.minimum((scores[rows, label] * _BINS).astype(np.int64), _BINS - 1)
        gained += np.bincount(bins, given[rows, label] - share, _BINS)
        possible += np.bincount(bins, minlength=_BINS) * (1 - share)
    kappa = np.cumsum(gained[::-1])[::-1] / (np.cumsum(possible[::-1])[::-1] + _DOUBTED)
    believed = np.flatnonzero(kappa >= _LEAST_KAPPA)
    least = believed[0] / _BINS if believed.size else np.inf
    return np.maximum(means, least).astype(np.float32)
