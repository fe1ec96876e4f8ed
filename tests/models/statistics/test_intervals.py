"""Intervals are those of the literature."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from diptych.models.statistics.intervals import figure_interval, wilson_interval


@pytest.mark.parametrize(("successes", "rows"), [(0, 5), (5, 5), (7, 9), (2323, 2485)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_share_has_wilsons_interval(successes: int, rows: int, confidence: float) -> None:
    expected = binomtest(successes, rows).proportion_ci(confidence, method="wilson")
    found = wilson_interval(successes / rows, rows, confidence)
    assert found == pytest.approx((expected.low, expected.high))


def test_a_figure_has_as_many_deviations_to_either_side_and_stays_between_0_and_1() -> None:
    assert figure_interval(0.5, 0.1, 20, 0.95) == pytest.approx((0.304, 0.696), abs=1e-3)
    assert figure_interval(0.95, 0.1, 20, 0.95) == pytest.approx((0.754, 1.0), abs=1e-3)


def test_a_figure_that_no_resample_changes_is_not_certain() -> None:
    assert figure_interval(1.0, 1e-17, 20, 0.95) == wilson_interval(1.0, 20, 0.95)
