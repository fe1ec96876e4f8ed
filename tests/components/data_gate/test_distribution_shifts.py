"""Distributions that differ by more than chance are found, with the rows that show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.data_gate.distribution_shifts import DistributionComparison, check_shifts
from diptych.components.data_gate.options import (
    GateOptions,
    ShiftRule,
)
from diptych.components.data_gate.row_rules import (
    check_sizes,
)
from diptych.components.data_gate.split_rows import (
    NUMERIC_FEATURES,
    SplitRows,
)
from diptych.models import features
from tests.components.data_gate.rows import make_rows, make_split_profile


def compare(rows: SplitRows, reference: SplitRows, **options: Any) -> list[Any]:
    comparison = DistributionComparison("skew", "val", "split 'train'", ShiftRule(**options), {})
    return list(check_shifts(rows, make_split_profile(reference), comparison))


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(20, 200))
def test_two_samples_of_one_distribution_do_not_differ(seed: int, few: int, many: int) -> None:
    rng = np.random.default_rng(seed)

    def draw(count: int) -> SplitRows:
        numbers = {name: rng.normal(size=count) for name in NUMERIC_FEATURES}
        return make_rows(count, labels=rng.choice(["a", "b", "c"], count).tolist(), numbers=numbers)

    assert compare(draw(few), draw(many)) == []


def test_equal_rows_do_not_differ_however_strict_the_rule_is() -> None:
    rows = make_rows(30)
    assert compare(rows, rows, max_divergence=1e-9, max_distance=1e-9) == []


def test_what_moved_is_told_with_the_rows_that_moved_most() -> None:
    numbers = {features.WIDTH: np.array([*[100.0] * 500, *[900.0] * 500])}
    (finding,) = compare(make_rows(1000, numbers=numbers), make_rows(1000))
    assert (finding.feature, finding.formula) == (features.WIDTH, "Jensen-Shannon divergence")
    # For p = (1, 0) and q = (1/2, 1/2) it is the entropy of (3/4, 1/4) less half a bit.
    assert finding.measured == pytest.approx(0.811278 - 0.5, abs=1e-6)
    assert finding.threshold > 0.03
    assert finding.ids == tuple(f"row-{n}" for n in range(500, 520))


def test_few_rows_tell_less_than_many() -> None:
    def shifted(count: int) -> list[Any]:
        return compare(
            make_rows(count, labels=["a", "b"] * (count // 2)), make_rows(1000, labels=["a", "a", "a", "b"] * 250)
        )

    assert shifted(10) == []
    (finding,) = shifted(1000)
    assert (finding.measured, finding.ids[0]) == (0.25, "row-1")


def test_rows_of_one_group_are_no_more_than_one_row() -> None:
    assert make_rows(8).effective_sample_size == 8
    assert make_rows(8, groups=["g"] * 8).effective_sample_size == 1
    assert make_rows(4, groups=["g", "g", "g", "h"]).effective_sample_size == 1.6
    assert compare(make_rows(400, labels=["b"] * 400, groups=["g"] * 400), make_rows(400)) == []


def test_without_rows_nothing_differs() -> None:
    assert compare(make_rows(0), make_rows(4)) == compare(make_rows(4), make_rows(0)) == []
    assert make_split_profile(make_rows(0)).numbers == {}
    assert list(check_sizes({"val": make_rows(0)}, make_split_profile(make_rows(0)), GateOptions().size)) == []
