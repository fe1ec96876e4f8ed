"""Criteria say what a model must reach, and whether it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diptych.components.evaluator.criteria import (
    GainCriterion,
    SliceCriterion,
    ThresholdCriterion,
    make_criteria,
)
from diptych.components.evaluator.options import BaselineMetricBounds, EvaluateOptions, MetricBounds
from diptych.models.statistics.comparison import Difference
from diptych.models.statistics.intervals import Interval

NAMES = ["linear text baseline", "linear both baseline"]
BLESSED = "last blessed model"
NOTHING = EvaluateOptions(gain_over_baseline=BaselineMetricBounds(), gain_over_blessed=MetricBounds())


def gains(
    options: EvaluateOptions, task: str = "multiclass", blessed: str | None = None
) -> list[tuple[str, str, float]]:
    criteria = make_criteria(options, task, NAMES, blessed)  # type: ignore[arg-type]
    return [(each.metric, each.other, each.gain) for each in criteria if isinstance(each, GainCriterion)]


def test_where_nothing_is_asked_there_is_no_criterion() -> None:
    assert make_criteria(NOTHING, "multiclass", NAMES, BLESSED) == []


@pytest.mark.parametrize(("task", "judged"), [("multiclass", "accuracy"), ("multilabel", "micro_f1")])
def test_a_task_is_judged_by_its_metrics(task: str, judged: str) -> None:
    asked = gains(EvaluateOptions(), task, BLESSED)
    assert sorted(asked) == sorted((metric, name, 0.0) for metric in (judged, "macro_f1") for name in (*NAMES, BLESSED))


def test_every_source_asks() -> None:
    options = EvaluateOptions(
        thresholds=MetricBounds(accuracy=0.9),
        threshold_on="bound",
        gain_over_baseline=BaselineMetricBounds(macro_f1=0.02),
        gain_over_blessed=MetricBounds(accuracy=-0.01),
        slice_thresholds=MetricBounds(accuracy=0.5),
        confidence=0.9,
    )
    assert gains(options, blessed=BLESSED) == [
        ("accuracy", BLESSED, -0.01),
        ("macro_f1", NAMES[0], 0.02),
        ("macro_f1", NAMES[1], 0.02),
    ]
    asked = make_criteria(options, "multiclass", NAMES, None)
    assert ThresholdCriterion("accuracy", 0.9, "evaluate.thresholds.accuracy", on_bound=True) in asked
    of_slices = ThresholdCriterion("accuracy", 0.5, "evaluate.slice_thresholds.accuracy")
    assert SliceCriterion(of_slices, ("label",), 30) in asked
    assert [each.confidence for each in asked if isinstance(each, GainCriterion)] == [0.9, 0.9]


@pytest.mark.parametrize(("value", "met"), [(0.9, True), (0.91, True), (0.8999995, True), (0.89, False)])
def test_a_threshold_is_met_or_explained(value: float, met: bool) -> None:
    answer, text = ThresholdCriterion("accuracy", 0.9, "evaluate.thresholds.accuracy").evaluate(value)
    assert answer is met
    verb = "reaches" if met else "is below"
    assert text == f"accuracy {value:.4f}, the figure itself, {verb} 0.9000 (evaluate.thresholds.accuracy)"


def test_a_threshold_on_the_bound_is_not_met_by_the_figure() -> None:
    criterion = ThresholdCriterion("accuracy", 0.9, "ours", on_bound=True)
    assert criterion.evaluate(0.95, Interval(0.91, 0.97)) == (
        True,
        "accuracy 0.9100, the lower bound of 0.9500, reaches 0.9000 (ours)",
    )
    assert criterion.evaluate(0.95, Interval(0.85, 0.99)) == (
        False,
        "accuracy 0.8500, the lower bound of 0.9500, is below 0.9000 (ours)",
    )
    assert not criterion.evaluate(0.95).met


@pytest.mark.parametrize(("value", "met", "words"), [(0.05, True, "stays within"), (0.11, False, "exceeds")])
def test_of_an_error_less_is_better(value: float, met: bool, words: str) -> None:
    answer, text = ThresholdCriterion("calibration_error", 0.1, "ours").evaluate(value)
    assert answer is met
    assert f"{words} 0.1000" in text
    on_bound = ThresholdCriterion("calibration_error", 0.1, "ours", on_bound=True)
    assert on_bound.evaluate(0.05, Interval(0.01, 0.12)).reason.startswith(
        "calibration_error 0.1200, the upper bound of 0.0500, exceeds"
    )


def accuracy_difference(rows: int, wins: int, losses: int) -> Difference:
    value = (wins - losses) / rows
    return Difference(value, Interval(value - 0.01, value + 0.01), 0.005, wins, losses)


GAIN = GainCriterion("accuracy", 0.0, "linear both baseline", "ours", 0.95)


def test_a_loss_of_two_rows_is_within_chance() -> None:
    met, text = GAIN.evaluate(0.9, 0.901, accuracy_difference(2000, 3, 5))
    assert met
    assert text == (
        "accuracy 0.9000 against 0.9010 of the linear both baseline: difference -0.0010 "
        "(95 % -0.0110 to +0.0090, 3 rows won and 5 lost) misses +0 within chance (p 0.363, ours)"
    )


def test_a_loss_of_many_rows_is_beyond_chance() -> None:
    met, text = GAIN.evaluate(0.9, 0.91, accuracy_difference(2000, 10, 30))
    assert not met
    assert "misses +0 beyond chance (p 0.001, ours)" in text


def test_several_comparisons_share_what_may_go_wrong_by_chance() -> None:
    lost = accuracy_difference(2000, 10, 20)
    assert not replace(GAIN, tests=1).evaluate(0.905, 0.91, lost).met, "p is 0.049"
    assert replace(GAIN, tests=6).evaluate(0.905, 0.91, lost).met
    options = EvaluateOptions()
    criteria = make_criteria(options, "multiclass", ["image", "text"], "last")
    assert {each.tests for each in criteria if isinstance(each, GainCriterion)} == {6}


def test_a_gain_says_nothing_of_chance() -> None:
    met, text = GAIN.evaluate(0.92, 0.91, accuracy_difference(2000, 30, 10))
    assert met
    assert text.endswith("30 rows won and 10 lost) reaches +0 (ours)")


def test_a_gain_that_is_asked_for_must_not_be_missed_beyond_chance() -> None:
    asked = GainCriterion("macro_f1", 0.1, "linear text baseline", "ours", 0.95)
    within = Difference(0.08, Interval(0.02, 0.14), 0.03)
    assert asked.evaluate(0.58, 0.5, within).met
    assert not asked.evaluate(0.53, 0.5, Difference(0.03, Interval(-0.03, 0.09), 0.03)).met
    # What is beyond chance depends on the confidence.
    bold = GainCriterion("macro_f1", 0.1, "linear text baseline", "ours", 0.6)
    assert not bold.evaluate(0.58, 0.5, within).met


def test_a_gain_of_an_error_is_a_smaller_one() -> None:
    criterion = GainCriterion("calibration_error", 0.02, BLESSED, "ours", 0.95)
    assert criterion.evaluate(0.07, 0.1, Difference(-0.03, Interval(-0.04, -0.02), 0.004)).met
    met, text = criterion.evaluate(0.09, 0.1, Difference(-0.01, Interval(-0.02, 0.0), 0.004))
    assert not met
    assert "misses -0.02 beyond chance" in text


def test_without_rows_the_figures_decide() -> None:
    assert GAIN.evaluate(0.91, 0.91, None).met
    met, text = GAIN.evaluate(0.9, 0.91, None)
    assert not met
    assert text.endswith("difference -0.0100 misses +0 by the figures, for the rows of one are unknown (ours)")
