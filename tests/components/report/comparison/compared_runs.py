"""Runs to compare: six rows of test and two of train, and what each run predicts for test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from diptych.components.report.comparison.compared_run import ComparedRun, DatasetRow, StoredDataset
from diptych.components.report.comparison.comparison import Comparison, compare_runs
from diptych.components.report.report_data import ReportData, Thumbnail
from diptych.models.features import TEST, TRAIN
from tests.components.report.report_fixtures import make_thumbnail
from tests.helpers import SMALL

#: The labels of the rows of test: ``t0`` to ``t5``.
LABELS = ("cat", "cat", "cat", "dog", "dog", "owl")


def make_rows() -> dict[str, DatasetRow]:
    """Eight rows by their ids."""
    test = {f"t{n}": DatasetRow(TEST, n, (label,), f"text {n}", f"{n:064x}") for n, label in enumerate(LABELS)}
    train = {f"r{n}": DatasetRow(TRAIN, n, ("cat",), f"text r{n}", f"{n + 100:064x}") for n in range(2)}
    return {**train, **test}


def make_run(
    name: str,
    predicted: str | None = "cat cat cat dog dog owl",
    rows: Mapping[str, DatasetRow] | None = None,
    **facts: Any,
) -> ComparedRun:
    """A run.

    Args:
        predicted: the label for each row of test, of ``rows`` in their order; None if predictions are unknown.
        rows: those of ``make_rows`` unless given.
        facts: other attributes of ``ComparedRun``.
    """
    of_run = make_rows() if rows is None else rows
    dataset = StoredDataset("nowhere", SMALL, True, f"{hash(tuple(of_run.items())):064x}", of_run)
    ids = [row_id for row_id, row in of_run.items() if row.split == TEST]
    predictions = None if predicted is None else dict(zip(ids, ((each,) for each in predicted.split()), strict=True))
    return replace(ComparedRun(name, ReportData(name), dataset=dataset, predictions=predictions), **facts)


def make_comparison(data: ReportData, text: str) -> Comparison:
    """A comparison of a run's data with a run in which every text is the given one, and where much differs."""
    labels = (text, "other", text, "other", "other", text)
    test = [DatasetRow(TEST, n, (label,), text, f"{n:064x}") for n, label in enumerate(labels)]
    rows = {f"{n} {text}": row for n, row in enumerate(test)}
    moved = {row_id: row._replace(description=f"{text} reworded") for row_id, row in rows.items()}
    first, last = list(rows)[0], list(rows)[-1]
    moved[last] = moved[last]._replace(labels=("other",))
    moved[first] = moved[first]._replace(image="f" * 64)
    guesses = dict.fromkeys(rows, ("other",))
    second, fifth = list(rows)[1], list(rows)[4]
    a = make_run("a", None, rows, settings={"kept": text}, predictions={**guesses, fifth: (text,)})
    b = make_run(text, None, moved, predictions={**guesses, second: (text,)})
    b = replace(b, settings={"kept": "x", text: {text: [text]}})
    return compare_runs(replace(a, data=data, versions={text: text}), replace(b, data=data, notes=[text]))


def make_pictures(comparison: Comparison) -> dict[str, Thumbnail]:
    """A picture of noise for each row that is shown with one."""
    return {row_id: make_thumbnail() for row_id in comparison.pictured()}
