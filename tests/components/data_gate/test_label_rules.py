"""Lost, rare and misspelt labels are found with their rows."""

from __future__ import annotations

import pytest

from diptych.components.data_gate.label_rules import (
    check_label_coverage,
    check_label_typos,
    check_lost_labels,
    check_rare_labels,
)
from diptych.components.data_gate.options import (
    LabelRareRule,
    LabelTypoRule,
    Rule,
)
from tests.components.data_gate.rows import make_rows, make_split_profile


def rows_by_label(**labels: int) -> dict[str, list[str]]:
    """Label to as many ids as its number says."""
    return {label: [f"{label}-{n}" for n in range(count)] for label, count in labels.items()}


@pytest.mark.parametrize(
    ("rare", "frequent", "near"),
    [
        ("Objcts", "Objects", True),
        ("Obejcts", "Objects", True),
        ("bjects", "Objects", True),
        # They are spelled in two ways, which is another rule's finding.
        ("objects", "Objects", False),
        ("Objects ", "Objects", False),
        ("Flags", "Objects", False),
        ("Kit", "Cat", False),
        ("digit 7", "digit 1", False),
    ],
)
def test_a_rare_label_is_misspelt_if_it_resembles_a_frequent_one(rare: str, frequent: str, near: bool) -> None:
    found = list(check_label_typos(rows_by_label(**{rare: 2, frequent: 60}), LabelTypoRule()))
    assert [(finding.feature, finding.ids) for finding in found] == [("label", (f"{rare}-0", f"{rare}-1"))] * near
    assert all(f"misspelt '{frequent}' (60)" in finding.message for finding in found)


def test_two_labels_of_as_many_rows_are_two() -> None:
    assert list(check_label_typos(rows_by_label(Objects=60, Objcts=4), LabelTypoRule())) == []


def test_rare_labels_are_told_together_with_their_rows() -> None:
    (finding,) = check_rare_labels(rows_by_label(a=5, b=2, c=1), LabelRareRule())
    assert (finding.measured, finding.threshold, finding.ids) == (1, 5, ("c-0", "b-0", "b-1"))
    assert "2 labels have fewer than 5 rows (gate.label_rare.min_rows): 'c' (1), 'b' (2)" in finding.message


def test_a_lost_label_is_told_with_the_rows_that_had_it() -> None:
    before = make_split_profile(make_rows(30, labels=["a", "b", "c"] * 10))
    (finding,) = check_lost_labels({"a": ["x"], "c": ["y"], "d": ["z"]}, before, Rule(severity="stop"))
    assert finding.stops
    assert finding.ids == tuple(f"row-{n}" for n in range(1, 30, 3))
    assert "label 'b' is lost: no row of split 'train' has it, 10 of the last accepted data had" in finding.message


def test_labels_that_cannot_be_in_each_split_or_are_not_in_test_are_told() -> None:
    splits = {
        "train": make_rows(8, labels=["a", "a", "a", "b", "c", "c", "c", "d"], groups=list("12345556")),
        "val": make_rows(3, labels=["a", "b", "d"], groups=["v1", "v2", "v3"]),
        "test": make_rows(2, labels=["a", "d"], groups=["t1", "t2"]),
    }
    (few,) = check_label_coverage(splits, (), (), Rule(severity="stop"))
    # The rows of 'c' are of one group, which is in one split.
    assert few.ids == ("row-3", "row-4", "row-5", "row-6")
    assert few.stops
    assert "2 labels have too few rows to be in each of train, val, test" in few.message
    assert "'b' (2), 'c' (1)" in few.message
    assert list(check_label_coverage({**splits, "train": make_rows(3, labels=["a", "a", "d"])}, (), (), Rule())) == []
    assert list(check_label_coverage(splits, ("b", "c"), (), Rule())) == []

    splits["train"] = make_rows(6, labels=["a", "a", "d", "e", "e", "e"])
    (untested,) = check_label_coverage(splits, (), (), Rule())
    assert untested.ids == ("row-3", "row-4", "row-5")
    assert "1 label has no row in 'test', so no figure tells how well that is learned: e" in untested.message
    assert "data.stratify" in untested.message

    (declared,) = check_label_coverage(splits, (), ("train", "test"), Rule())
    assert declared.message.endswith("declares 'test': add rows of them to it, and look whether its labels are meant")
