"""Two models compared on the rows of test that both were measured on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.report.comparison.compared_run import ComparedRun, DatasetRow
from diptych.models.features import TEST
from diptych.models.statistics.comparison import Difference, MeasuredModel, compare_accuracy, measure_models
from diptych.models.statistics.row_predictions import RowPredictions, predictions_by_name


@dataclass(frozen=True)
class SharedRows:
    """The rows of test of two runs.

    Attributes:
        ids: of the rows in both, with equal images and labels.
        left_out: why a row is not among them to the number of such rows.
        reworded: number of the rows in both whose descriptions differ.
    """

    ids: Sequence[str]
    left_out: Counter[str]
    reworded: int

    @property
    def is_same(self) -> bool:
        """Whether both runs have these rows in test, and no others."""
        return not self.left_out


@dataclass(frozen=True)
class LabelChange:
    """How two models do on a label.

    Attributes:
        rows: number of rows that have it.
        wins: number of rows for which B alone is right about the label, whether the row has it or not.
        losses: the same of A.
        p: of McNemar's exact test of the two, to both sides.
    """

    label: str
    rows: int
    f1: tuple[float, float]
    recall: tuple[float, float]
    wins: int
    losses: int
    p: float


@dataclass(frozen=True)
class ChangedPrediction:
    """A row for which two models predict different labels."""

    id: str
    row: DatasetRow
    a: tuple[str, ...]
    b: tuple[str, ...]


@dataclass(frozen=True)
class Pairing:
    """Two models on the same rows.

    Attributes:
        metric: the metric that models are judged by first.
        differences: metric to what B has more than A.
        labels: those whose change is least likely chance first.
        gained: rows that A has wrong and B right.
        lost: rows that A has right and B wrong.
        moved: number of rows that both have wrong, and differently.
    """

    shared: SharedRows
    metric: str
    confidence: float
    a: MeasuredModel
    b: MeasuredModel
    labels: Sequence[LabelChange]
    gained: Sequence[ChangedPrediction]
    lost: Sequence[ChangedPrediction]
    moved: int

    @property
    def differences(self) -> dict[str, Difference]:
        """Metric to what B has more than A."""
        return dict(self.a.differences)


def find_shared_rows(a: ComparedRun, b: ComparedRun) -> SharedRows:
    """The rows of test that two runs share: those of equal ids, images and labels. A pushed model is asked of all."""
    rows_a, rows_b = (_test_rows(run) for run in (a, b))
    if a.is_pushed:
        rows_a = rows_b
    if b.is_pushed:
        rows_b = rows_a
    left_out = Counter({"only in A": len(rows_a.keys() - rows_b.keys())})
    left_out["only in B"] = len(rows_b.keys() - rows_a.keys())
    both = sorted(rows_a.keys() & rows_b.keys())
    for row_id in both:
        left_out["with another image"] += rows_a[row_id].image != rows_b[row_id].image
        left_out["with another label"] += rows_a[row_id].labels != rows_b[row_id].labels
    equal = [each for each in both if _is_same(rows_a[each], rows_b[each])]
    ids = [each for each in equal if all(run.predictions is None or each in run.predictions for run in (a, b))]
    left_out["without a prediction"] = len(equal) - len(ids)
    reworded = sum(rows_a[row_id].description != rows_b[row_id].description for row_id in ids)
    return SharedRows(ids, +left_out, reworded)


def _test_rows(run: ComparedRun) -> dict[str, DatasetRow]:
    return {row_id: row for row_id, row in run.dataset.rows.items() if row.split == TEST} if run.dataset else {}


def _is_same(a: DatasetRow, b: DatasetRow) -> bool:
    return a.image == b.image and a.labels == b.labels


def why_not_comparable(a: ComparedRun, b: ComparedRun, shared: SharedRows) -> str | None:
    """Why two runs have no rows that both predict; None if they have some."""
    lacking = " and ".join(name for name, run in (("A", a), ("B", b)) if run.predictions is None)
    if lacking:
        return f"there are no predictions of {lacking}"
    return None if shared.ids else "no row is in test of both with the same image and label"


def pair(a: ComparedRun, b: ComparedRun, shared: SharedRows, confidence: float) -> Pairing:
    """Compares two runs whose predictions are known on some rows of both, at least one."""
    assert a.predictions is not None and b.predictions is not None
    # A pushed model has none of its own, and was asked about those of the other.
    rows = next(run.dataset.rows for run in (a, b) if run.dataset)
    ids = shared.ids
    actual = [rows[row_id].labels for row_id in ids]
    of_a, of_b = (
        predictions_by_name(ids, actual, [known[row_id] for row_id in ids]) for known in (a.predictions, b.predictions)
    )
    # What the first model has more is told: B.
    measured_b, measured_a = measure_models([of_b, of_a], confidence)
    changes = [
        ChangedPrediction(row_id, rows[row_id], a.predictions[row_id], b.predictions[row_id])
        for row_id in ids
        if a.predictions[row_id] != b.predictions[row_id]
    ]
    gained = [change for change in changes if change.b == change.row.labels]
    lost = [change for change in changes if change.a == change.row.labels]
    return Pairing(
        shared=shared,
        metric="accuracy" if of_a.is_of_one_label and of_b.is_of_one_label else "micro_f1",
        confidence=confidence,
        a=measured_a,
        b=measured_b,
        labels=_compare_labels(of_a, of_b, confidence),
        gained=gained,
        lost=lost,
        moved=len(changes) - len(gained) - len(lost),
    )


def _compare_labels(a: RowPredictions, b: RowPredictions, confidence: float) -> list[LabelChange]:
    columns_a, columns_b = _Columns(a), _Columns(b)
    changes = []
    for label in dict.fromkeys([*a.labels, *b.labels]):
        actual = columns_a.actual(label) | columns_b.actual(label)
        guess_a, guess_b = columns_a.predicted(label), columns_b.predicted(label)
        difference = compare_accuracy(guess_b == actual, guess_a == actual, confidence)
        changes.append(
            LabelChange(
                label,
                int(actual.sum()),
                (_f1(actual, guess_a), _f1(actual, guess_b)),
                (_recall(actual, guess_a), _recall(actual, guess_b)),
                difference.wins or 0,
                difference.losses or 0,
                difference.two_sided_p,
            )
        )
    return sorted(changes, key=lambda each: (each.p, -abs(each.f1[1] - each.f1[0]), -each.rows, each.label))


class _Columns:
    """The columns of predictions by label, bool ``[rows]``; of a label that is in none of them, all false."""

    def __init__(self, predictions: RowPredictions) -> None:
        self._places = {label: place for place, label in enumerate(predictions.labels)}
        self._actual, self._predicted = predictions.actual.tocsc(), predictions.predicted.tocsc()

    def actual(self, label: str) -> NDArray[np.bool_]:
        return self._column(self._actual, label)

    def predicted(self, label: str) -> NDArray[np.bool_]:
        return self._column(self._predicted, label)

    def _column(self, matrix: Any, label: str) -> NDArray[np.bool_]:
        if label not in self._places:
            return np.zeros(matrix.shape[0], np.bool_)
        return np.asarray(matrix[:, [self._places[label]]].toarray().ravel() > 0)


def _f1(actual: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float:
    either = int(actual.sum() + predicted.sum())
    return 2 * int((actual & predicted).sum()) / either if either else 0.0


def _recall(actual: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float:
    rows = int(actual.sum())
    return int((actual & predicted).sum()) / rows if rows else float("nan")
