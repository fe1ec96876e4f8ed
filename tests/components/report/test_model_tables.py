"""The network is set beside other models, and its slices are sorted."""

from __future__ import annotations

import pytest

from diptych.components.report.model_tables import (
    best_baselines,
    compare_models,
    is_improvement,
    judge_network,
    list_label_scores,
    list_slices,
)
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


@pytest.mark.parametrize(
    ("interval", "blessed", "standing", "level"),
    [
        ((0.01, 0.2), True, "better", "good"),
        ((-0.01, 0.2), True, "even", "warn"),
        ((-0.2, -0.01), True, "worse", "bad"),
        ((0.01, 0.2), False, "better", "bad"),
    ],
)
def test_the_verdict_is_good_only_beyond_the_baseline_and_chance(
    interval: tuple[float, float], blessed: bool, standing: str, level: str
) -> None:
    gain = sum(interval) / 2
    compared = Comparison(metrics={"accuracy": 0.8}, difference_intervals={"accuracy": interval})
    decision = Decision(
        metrics={"accuracy": 0.8 + gain}, comparisons={"linear text baseline": compared}, reasons=[], slices={}
    )
    models = compare_models(ReportData("x", decision=decision, linear_baseline={"text": {"accuracy": 0.8}}))
    verdict = judge_network(models, blessed)
    assert verdict is not None and verdict.baseline is not None
    assert (verdict.metric, verdict.baseline.name) == ("accuracy", "Linear text baseline")
    assert (verdict.standing, verdict.level) == (standing, level)


def test_without_a_baseline_the_verdict_is_no_praise() -> None:
    decision = Decision(metrics={"macro_f1": 0.9}, reasons=[], slices={})
    verdict = judge_network(compare_models(ReportData("x", decision=decision)), True)
    assert verdict is not None
    assert (verdict.metric, verdict.standing, verdict.level) == ("macro_f1", "alone", "warn")
    assert judge_network([], None) is None


def test_labels_come_worst_first_and_of_equal_ones_the_largest() -> None:
    figures = {"a": {"f1": 1.0, "support": 9}, "b": {"f1": 0.0, "support": 1}, "c": {"f1": 0.0, "support": 5}}
    assert [label for label, _ in list_label_scores(figures)] == ["c", "b", "a"]
