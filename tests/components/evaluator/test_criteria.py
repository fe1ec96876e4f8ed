"""Criteria say what a model must reach, and whether it does."""

from __future__ import annotations

import pytest

from diptych.components.evaluator.criteria import Criterion, make_criteria
from diptych.components.evaluator.options import BaselineMetricBounds, EvaluateOptions, MetricBounds

BASELINE = {"accuracy": 0.7, "macro_f1": 0.6}


NOTHING = {"gain_over_baseline": BaselineMetricBounds(), "gain_over_blessed": MetricBounds()}


def test_where_nothing_is_asked_any_model_is_blessed() -> None:
    (only,) = make_criteria(EvaluateOptions(**NOTHING), BASELINE, has_blessed=True)
    met, reason = only.evaluate(0.0)
    assert met
    assert "no criterion is set" in reason


def test_every_source_asks() -> None:
    options = EvaluateOptions(
        thresholds=MetricBounds(accuracy=0.9),
        gain_over_baseline=BaselineMetricBounds(macro_f1=0.02),
        gain_over_blessed=MetricBounds(accuracy=-0.01),
    )
    asked = make_criteria(options, BASELINE, has_blessed=True)
    assert [(c.metric, pytest.approx(c.bound), c.relative) for c in asked] == [
        ("accuracy", 0.9, False),
        ("accuracy", -0.01, True),
        ("macro_f1", 0.62, False),
    ]
    assert "linear text baseline 0.6000" in asked[2].source
    assert not any(c.relative for c in make_criteria(options, BASELINE, has_blessed=False))


def test_a_gain_of_zero_is_asked_for() -> None:
    (asked,) = make_criteria(EvaluateOptions(), BASELINE, has_blessed=False)
    assert (asked.metric, asked.bound) == ("accuracy", 0.7)


def test_the_micro_f1_of_a_baseline_of_one_label_is_its_accuracy() -> None:
    options = EvaluateOptions(gain_over_baseline=BaselineMetricBounds(micro_f1=0.1), gain_over_blessed=MetricBounds())
    (one,) = make_criteria(options, BASELINE, has_blessed=False)
    (several,) = make_criteria(options, BASELINE | {"micro_f1": 0.5}, has_blessed=False)
    assert (one.bound, several.bound) == (pytest.approx(0.8), pytest.approx(0.6))


@pytest.mark.parametrize(("value", "met"), [(0.9, True), (0.91, True), (0.8999995, True), (0.89, False)])
def test_a_bound_is_met_or_explained(value: float, met: bool) -> None:
    answer, text = Criterion("accuracy", 0.9, "evaluate.thresholds.accuracy").evaluate(value)
    assert answer is met
    assert text.endswith(f"{'reaches' if met else 'is below'} 0.9000 (evaluate.thresholds.accuracy)")


def test_a_relative_bound_moves_with_its_reference() -> None:
    criterion = Criterion("accuracy", -0.01, "last blessed model", relative=True)
    assert criterion.evaluate(0.85, reference=0.86)[0]
    assert not criterion.evaluate(0.84, reference=0.86)[0]


@pytest.mark.parametrize(("value", "met", "words"), [(0.05, True, "stays within"), (0.11, False, "exceeds")])
def test_of_an_error_less_is_better(value: float, met: bool, words: str) -> None:
    answer, text = Criterion("calibration_error", 0.1, "ours").evaluate(value)
    assert answer is met
    assert f"{words} 0.1000" in text


def test_a_gain_of_an_error_is_a_smaller_one() -> None:
    criterion = Criterion("calibration_error", 0.02, "last blessed model", relative=True)
    assert criterion.evaluate(0.08, reference=0.1)[0]
    assert not criterion.evaluate(0.09, reference=0.1)[0]
