"""Differences are told from chance as often as promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from diptych.models.statistics.comparison import Difference, compare_accuracy, measure_models
from diptych.models.statistics.intervals import Interval, wilson_interval
from tests.models.statistics.predictions import of_one_label, scored


def hits(rows: int, wins: int, losses: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows each of two models has right."""
    first, other = np.ones(rows, bool), np.ones(rows, bool)
    first[:losses] = False
    other[losses : losses + wins] = False
    return first, other


def test_two_errors_of_2485_are_chance() -> None:
    difference = compare_accuracy(*hits(2485, 3, 5), 0.95)
    assert difference.value == pytest.approx(-2 / 2485)
    assert difference.interval.low < 0 < difference.interval.high
    assert difference.p_value(0.0) == pytest.approx(binomtest(3, 8, alternative="less").pvalue)
    assert difference.p_value(0.0) > 0.3


def test_many_more_losses_than_wins_are_no_chance() -> None:
    difference = compare_accuracy(*hits(2485, 10, 40), 0.95)
    assert difference.p_value(0.0) < 1e-4
    assert difference.interval.high < 0
    # A loss of so much is tolerated, or not.
    assert difference.p_value(-0.02) > 0.5
    assert difference.p_value(-0.005) < 0.05


def test_a_difference_to_either_side_is_tested_exactly_or_by_its_deviation() -> None:
    difference = compare_accuracy(*hits(100, 9, 1), 0.95)
    assert difference.two_sided_p == pytest.approx(binomtest(9, 10).pvalue)
    assert compare_accuracy(*hits(100, 1, 9), 0.95).two_sided_p == pytest.approx(difference.two_sided_p)
    assert compare_accuracy(*hits(100, 0, 0), 0.95).two_sided_p == 1.0
    of_f1 = Difference(-0.2, Interval(-0.3960, -0.0040), 0.1)
    assert of_f1.two_sided_p == pytest.approx(0.0455, abs=1e-4)
    assert Difference(0.0, Interval(0.0, 0.0), 0.0).two_sided_p == 1.0
    assert Difference(0.1, Interval(0.1, 0.1), 0.0).two_sided_p == 0.0


def test_models_that_agree_on_few_rows_are_not_certainly_alike() -> None:
    difference = compare_accuracy(*hits(20, 0, 0), 0.95)
    assert difference.interval.low < -0.05
    assert difference.interval.high > 0.05
    assert difference.p_value(0.0) == 1.0


def test_the_interval_of_a_difference_covers_it() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(1000):
        drawn = rng.choice(4, 60, p=[0.6, 0.12, 0.18, 0.1])
        interval = compare_accuracy((drawn == 0) | (drawn == 1), (drawn == 0) | (drawn == 2), 0.95).interval
        covered += interval.low <= 0.12 - 0.18 <= interval.high
    assert 0.93 <= covered / 1000 <= 0.98


def draw_equals(rng: np.random.Generator, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the predictions of two equally good models that mostly agree."""
    actual = rng.choice(labels, rows, p=np.arange(labels, 0, -1) / np.arange(labels, 0, -1).sum())
    chance = rng.random(rows)
    other = np.where(rng.random(rows) < 0.6, chance, rng.random(rows))
    wrong = rng.integers(0, labels, rows)
    return actual, np.where(chance < 0.6, actual, wrong), np.where(other < 0.6, actual, wrong)


def test_equally_good_models_seldom_differ_beyond_chance() -> None:
    rng = np.random.default_rng(2)
    lower = {"accuracy": 0, "macro_f1": 0}
    for _ in range(100):
        actual, first, other = draw_equals(rng, 120, 8)
        models = [of_one_label(actual, first, 8), of_one_label(actual, other, 8)]
        differences = measure_models(models, 0.95)[1].differences
        for metric in lower:
            lower[metric] += differences[metric].p_value(0.0) < 0.05
    assert max(lower.values()) <= 12
    # The test is not blind either.
    worse = of_one_label(actual, np.where(np.arange(120) % 3, other, 0), 8)
    differences = measure_models([worse, models[1]], 0.95)[1].differences
    assert differences["macro_f1"].p_value(0.0) < 0.05
    assert differences["accuracy"].p_value(0.0) < 0.05


def test_intervals_are_those_of_theory_where_there_is_one() -> None:
    rng = np.random.default_rng(4)
    scores = rng.random((400, 6))
    actual = rng.integers(0, 6, 400)[:, None] == np.arange(6)
    predictions = scored("multiclass", actual, scores)
    (model,) = measure_models([predictions], 0.95)
    assert not model.differences
    assert model.intervals["accuracy"] == wilson_interval(model.metrics["accuracy"], 400, 0.95)
    assert model.intervals["top_k_accuracy"] == wilson_interval(model.metrics["top_k_accuracy"], 400, 0.95)
    assert predictions.scores is not None
    half_width = 1.96 * predictions.scores.ranking_precision.std() / 20
    assert model.intervals["ranking_precision"].half_width == pytest.approx(half_width, rel=0.1)
    for metric, figure in model.metrics.items():
        assert model.intervals[metric].low < figure < model.intervals[metric].high


def test_micro_f1_is_as_sure_as_accuracy_where_it_is_the_accuracy() -> None:
    actual, first, other = draw_equals(np.random.default_rng(8), 60, 4)
    models = measure_models([of_one_label(actual, first, 4), of_one_label(actual, other, 4)], 0.95)
    assert all(model.intervals["micro_f1"] == model.intervals["accuracy"] for model in models)
    assert models[1].differences["micro_f1"] == models[1].differences["accuracy"]
    several = scored("multilabel", np.eye(4)[actual] > 0, np.random.default_rng(8).random((60, 4)), [0.5] * 4)
    (model,) = measure_models([several], 0.95)
    assert model.intervals["micro_f1"] != model.intervals["accuracy"]


def test_a_model_does_not_differ_from_itself() -> None:
    actual, predicted, _ = draw_equals(np.random.default_rng(1), 50, 4)
    _, other = measure_models([of_one_label(actual, predicted, 4)] * 2, 0.95)
    assert {metric: difference.value for metric, difference in other.differences.items()} == pytest.approx(
        {"accuracy": 0, "macro_f1": 0, "micro_f1": 0}
    )
    assert all(difference.p_value(0.0) == 1.0 for difference in other.differences.values())
    assert other.differences["macro_f1"].p_value(0.01) == 0.0


def test_of_an_error_less_is_a_gain() -> None:
    rng = np.random.default_rng(6)
    scores = rng.random((300, 4))
    actual = scores.argmax(axis=1)[:, None] == np.arange(4)
    sure = np.where(actual, 1.0, 0.0)
    _, other = measure_models([scored("multiclass", actual, sure), scored("multiclass", actual, scores)], 0.95)
    error = other.differences["calibration_error"]
    assert error.value < 0
    assert error.p_value(0.0, sign=-1) > 0.99
    assert error.p_value(0.0, sign=1) < 0.01
