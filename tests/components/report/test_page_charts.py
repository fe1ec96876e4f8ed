"""Drift is drawn by feature, and a confusion matrix of the labels that are confused most."""

from __future__ import annotations

from dataclasses import replace

from diptych.components.report.page_charts import choose_confused_labels, make_drift_charts
from diptych.components.report.report_data import Finding, Verdict
from tests.components.report.report_fixtures import good_data, numeric_statistics


def test_drift_is_drawn_where_the_last_accepted_data_is_known() -> None:
    data = replace(
        good_data(),
        reference={
            "image/brightness": numeric_statistics(2),
            "image/phash": numeric_statistics(1),
            "label": good_data().statistics["label"]["val"],
        },
        verdict=Verdict(passed=True, findings=[Finding(rule="drift", feature="label", message="m")]),
    )
    drawn = make_drift_charts(data)
    # Numbers are drawn once, with their splits.
    assert [feature for feature, _ in drawn] == ["label"]
    assert "accepted" in drawn[0][1]


def test_of_many_labels_those_most_confused_are_drawn() -> None:
    counts = {f"l{n:02}": {f"l{n:02}": 9, f"l{n ^ 1:02}": n // 2} for n in range(50)}
    labels = choose_confused_labels(counts)
    assert len(labels) == 30
    assert {"l49", "l48"} <= set(labels)
    assert "l00" not in labels


def test_labels_of_the_confusion_matrix_are_in_natural_order() -> None:
    counts = {str(number): {str(number): 1} for number in (10, 2, 1)}
    assert choose_confused_labels(counts) == ["1", "2", "10"]
