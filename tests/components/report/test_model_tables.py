"""The network is set beside other models, and its slices are sorted."""

from __future__ import annotations

from diptych.components.report.model_tables import compare_models, is_improvement, list_slices
from diptych.components.report.report_data import Decision, ReportData


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
