"""The network is set beside other models, and its slices are sorted."""

from __future__ import annotations

import pytest

from diptych.components.report.model_tables import best_baselines, compare_models, is_improvement, list_slices
from diptych.components.report.report_data import Comparison, Decision, ReportData


def test_slices_come_worst_first() -> None:
    slices = {
        "": {"accuracy": 0.1, "examples": 9},
        "b": {"accuracy": 1.0, "examples": 5},
        "a": {"accuracy": 1.0, "examples": 6},
        "c": {"accuracy": 0.5, "examples": 1},
    }
    rows = list_slices(slices, {"c": {"accuracy": 0.25}})
    assert [row.name for row in rows] == ["c", "a", "b"]
    assert [row.last_blessed for row in rows] == [0.25, None, None]


def test_a_network_gains_where_its_calibration_error_falls() -> None:
    network, last = {"accuracy": 0.9, "calibration_error": 0.01}, {"accuracy": 0.8, "calibration_error": 0.05}
    decision = Decision(metrics=network, reasons=[], slices={}, last_blessed_slices={"": last})
    _, compared = compare_models(ReportData("x", decision=decision))
    assert all(is_improvement(metric, gain) for metric, gain in compared.gains.items())
    assert not is_improvement("calibration_error", 0.01)


def compared_data() -> ReportData:
    """A network that is compared with two baselines, of which the rows of one are known."""
    text = Comparison(
        metrics={"accuracy": 0.7},
        intervals={"accuracy": (0.6, 0.8)},
        differences={"accuracy": 0.2, "macro_f1": 0.1},
        difference_intervals={"accuracy": (0.1, 0.3), "macro_f1": (-0.1, 0.3)},
    )
    decision = Decision(
        metrics={"accuracy": 0.9, "macro_f1": 0.8},
        intervals={"accuracy": (0.85, 0.93)},
        comparisons={"linear text baseline": text},
        reasons=[],
        slices={},
    )
    baselines = {"image": {"accuracy": 0.8}, "text": {"accuracy": 0.7, "macro_f1": 0.7}}
    return ReportData("x", decision=decision, linear_baseline=baselines, majority_baseline={"accuracy": 0.3})


def test_every_model_has_a_row_with_what_is_known_of_it() -> None:
    network, image, text, majority = compare_models(compared_data())
    assert (network.name, network.intervals, network.gains) == ("Network", {"accuracy": (0.85, 0.93)}, {})
    assert (image.name, image.intervals) == ("Linear image baseline", {})
    assert (text.name, text.metrics) == ("Linear text baseline", {"accuracy": 0.7, "macro_f1": 0.7})
    assert text.gains == pytest.approx({"accuracy": 0.2, "macro_f1": 0.1})
    assert majority.name == "Most frequent label"
    # Chance is known of the texts alone.
    assert text.is_gain_certain("accuracy")
    assert not text.is_gain_certain("macro_f1")
    assert image.is_gain_certain("accuracy")


def test_the_best_baseline_is_found_for_each_metric() -> None:
    best = best_baselines(compare_models(compared_data()))
    assert {metric: model.name for metric, model in best.items()} == {
        "accuracy": "Linear image baseline",
        "macro_f1": "Linear text baseline",
    }
