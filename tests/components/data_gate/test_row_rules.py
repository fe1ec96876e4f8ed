"""Repeated images, unusual sizes and new values are found with their rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from diptych.components.data_gate.options import (
    GateOptions,
    NearDuplicatesRule,
    ShareRule,
)
from diptych.components.data_gate.row_rules import (
    check_duplicates,
    check_label_conflicts,
    check_near_duplicates,
    check_new_values,
    check_sizes,
)
from diptych.models import features
from tests.components.data_gate.rows import make_rows, make_split_profile


def test_repeated_pixels_are_told_of_the_later_split() -> None:
    splits = {
        "train": make_rows(4, digests=["a", "a", "b", "c"]),
        "val": make_rows(4, digests=["d", "d", "b", "e"]),
        "test": make_rows(2, digests=["e", "b"]),
    }
    val, test = check_duplicates(splits, ShareRule())
    assert (val.split, val.measured, val.ids) == ("val", 0.25, ("row-2",))
    assert (test.split, test.measured, test.ids) == ("test", 1, ("row-0", "row-1"))
    assert [f.split for f in check_duplicates(splits, ShareRule(max=0.25))] == ["test"]


def test_equal_images_under_different_labels_are_told_side_by_side() -> None:
    splits = {
        "train": make_rows(5, digests=["x", "y", "x", "z", "w"], labels=["a", "b", "a", "b", "a"], ids=list("12345")),
        "test": make_rows(3, digests=["y", "x", "q"], labels=["c", "b", "a"], ids=list("678")),
    }
    (finding,) = check_label_conflicts(splits, ShareRule())
    assert (finding.rule, finding.feature, finding.split) == ("label_conflict", "label", None)
    assert finding.ids == ("1", "3", "7", "2", "6")
    assert finding.measured == 5 / 8
    assert "'a' (id 1) and 'a' (id 3) and 'b' (id 7), 'b' (id 2) and 'c' (id 6)" in finding.message
    assert list(check_label_conflicts(splits, ShareRule(max=0.7))) == []
    assert list(check_label_conflicts({"train": make_rows(2, digests=["x", "x"])}, ShareRule())) == []


def test_images_that_look_like_one_of_an_earlier_split_are_told_if_asked_for() -> None:
    far = [n << 32 | n << 8 for n in (0b1111, 0b11110000, 0b111100000000, 0b1111000000000000)]
    splits = {
        "train": make_rows(2, hashes=[far[0], far[0]]),
        # The first is one bit from train, the third one bit from the second; the second and fourth are new.
        "val": make_rows(4, hashes=[far[0] ^ 1, far[1], far[1] ^ 1, far[2]]),
        # The first is two bits from train, the second is in val; the other two are new, and equal.
        "test": make_rows(4, hashes=[far[0] ^ 3, far[2], far[3], far[3]]),
    }
    assert list(check_near_duplicates(splits, NearDuplicatesRule())) == []
    val, test = check_near_duplicates(splits, NearDuplicatesRule(severity="warn", distance=2))
    assert (val.split, val.measured, val.ids) == ("val", 0.25, ("row-0",))
    assert (test.split, test.measured, test.ids) == ("test", 0.5, ("row-0", "row-1"))


def test_without_rows_no_image_looks_like_another() -> None:
    rule = NearDuplicatesRule(severity="warn")
    assert list(check_near_duplicates({"train": make_rows(0), "val": make_rows(0)}, rule)) == []


def test_sizes_far_beyond_the_usual_range_are_told_the_furthest_first() -> None:
    widths = np.array([100.0, 90, 401, 300, 20, 5000])
    rows = make_rows(6, numbers={features.WIDTH: widths})
    (finding,) = check_sizes({"val": rows}, make_split_profile(make_rows(9)), GateOptions().size)
    assert (finding.feature, finding.measured, finding.ids) == (features.WIDTH, 50, ("row-5", "row-4", "row-2"))


def test_a_size_of_nothing_is_told(tmp_path: Any) -> None:
    rows = make_rows(2, numbers={features.FILE_BYTES: np.array([0.0, 100])})
    (finding,) = check_sizes({"val": rows}, make_split_profile(make_rows(9)), GateOptions().size)
    assert finding.ids == ("row-0",)
    assert np.isfinite(finding.measured)


def test_formats_and_scripts_that_are_new_are_told() -> None:
    accepted = {"train": make_split_profile(make_rows(4)), "val": make_split_profile(make_rows(1, formats=["GIF"]))}
    rows = make_rows(4, formats=["PNG", "GIF", "WEBP", "PNG"], texts=["a", "b", "c", "я"])
    found = {f.rule: f for f in check_new_values({"val": rows}, accepted, GateOptions())}
    assert {rule: finding.ids for rule, finding in found.items()} == {
        "new_format": ("row-2",),
        "new_script": ("row-3",),
    }
    assert "'WEBP' (1 row) not in the last accepted data, which has GIF, PNG" in found["new_format"].message
    tolerant = GateOptions(new_format={"max": 0.25}, new_script={"max": 0.25})
    assert list(check_new_values({"val": rows}, accepted, tolerant)) == []
