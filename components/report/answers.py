"""What the served model answers to rows of test: how sure it is, and where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.components.report.report_data import Confidence
from diptych.models.labels import Task
from diptych.models.metrics import MULTILABEL_THRESHOLD
from diptych.models.serving.card import read_card

#: Rows that are scored, evenly spread.
ROWS_SCORED = 1000

_BATCH = 64
_BINS = 10


@dataclass(frozen=True)
class Mistake:
    """A wrong answer: the number of the row among those scored, the label answered, and its score."""

    row: int
    answered: str
    score: float


@dataclass(frozen=True)
class Answers:
    """The scores of some rows.

    Attributes:
        names: the model's labels, in the order of the columns.
        scores: float ``[rows, labels]``.
        relevant: bool ``[rows, labels]``, the labels that a row has.
    """

    task: Task
    names: Sequence[str]
    scores: NDArray[Any]
    relevant: NDArray[np.bool_]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """bool ``[rows, labels]``, as ``diptych.models.metrics.MetricAccumulator`` has it."""
        if self.task == "multilabel":
            answered = self.scores >= MULTILABEL_THRESHOLD
        else:
            answered = self.scores.argmax(axis=1)[:, None] == np.arange(len(self.names))
        return np.asarray(answered, bool)


def score(model: str, records: Sequence[bytes], labels: Sequence[tuple[str, ...]]) -> Answers:
    """Scores serialised records with a SavedModel of Diptych's; ``labels`` are the records' own.

    Raises:
        FileNotFoundError, ValueError: the folder holds no model of Diptych's.
    """
    card = read_card(model)
    serve = tf.saved_model.load(model).signatures["serving_default"]
    batches = [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
    scores = [next(iter(serve(examples=tf.constant(batch)).values())).numpy() for batch in batches]
    relevant = np.array([[name in own for name in card.labels] for own in map(set, labels)], bool)
    shape = (len(records), len(card.labels))
    return Answers(card.task, card.labels, np.concatenate([*scores, np.zeros((0, shape[1]))]), relevant.reshape(shape))


def calibration(answers: Answers) -> list[Confidence]:
    """Decisions in ten bins of equal width, empty ones left out; a decision is what ``diptych.models.metrics`` says."""
    if answers.task == "multilabel":
        confidence, right = answers.scores.ravel(), answers.relevant.ravel()
    else:
        confidence, right = answers.scores.max(axis=1), (answers.relevant & answers.answered).any(axis=1)
    bins = np.clip((confidence * _BINS).astype(int), 0, _BINS - 1)
    return [
        Confidence(int(some.sum()), float(confidence[some].mean()), float(right[some].mean()))
        for some in (bins == number for number in range(_BINS))
        if some.any()
    ]


def mistakes(answers: Answers, limit: int) -> list[Mistake]:
    """The wrong answers of the best scores, one a row, best first."""
    wrong = np.where(answers.answered & ~answers.relevant, answers.scores, -1.0)
    best = wrong.max(axis=1, initial=-1.0)
    order = [row for row in np.argsort(-best, kind="stable").tolist() if best[row] >= 0]
    return [Mistake(row, answers.names[int(wrong[row].argmax())], float(best[row])) for row in order[:limit]]


def majority(labels: Mapping[str, Mapping[str, int]], train: str, test: str) -> dict[str, float]:
    """Metrics on test of answering every row with the most frequent label of train; multiclass.

    Args:
        labels: label to split to number of examples.
    """
    examples = sum(counts.get(test, 0) for counts in labels.values())
    if not examples:
        return {}
    answer = max(labels, key=lambda label: (labels[label].get(train, 0), label))
    right = labels[answer].get(test, 0)
    occurring = sum(counts.get(test, 0) > 0 or label == answer for label, counts in labels.items())
    return {"accuracy": right / examples, "macro_f1": 2 * right / (right + examples) / occurring}
