"""Rows that declared splits have in common: equal images, groups, similar images."""

from __future__ import annotations

import pytest

from diptych.components.data_gate.options import NearDuplicatesRule, StraddlingRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.data_gate.straddling_rule import check_straddling
from diptych.components.declared_account import DeclaredAccount
from tests.components.data_gate.rows import make_rows

RULE, NEAR = StraddlingRule(), NearDuplicatesRule()
ALL = DeclaredAccount(by="names", examples={"train": 4, "val": 2, "test": 2})


def splits(val: list[str], test: list[str]) -> dict[str, SplitRows]:
    """Rows of the digests that are given; those of train are 0 to 3. Hashes are far apart."""
    digests = {"train": list("0123"), "val": val, "test": test}
    hashes = {digest: 0xFF << 8 * number for number, digest in enumerate("012345")}
    return {
        split: make_rows(
            len(names), digests=names, groups=list(names), hashes=[hashes.get(name, int(name)) for name in names]
        )
        for split, names in digests.items()
    }


def test_equal_images_stop_the_run_and_both_rows_are_named() -> None:
    (finding,) = check_straddling(splits(["4"], ["5", "2"]), ALL, RULE, NEAR)
    assert (finding.severity, finding.split, finding.measured) == ("stop", "test", 0.5)
    assert (
        "1 row (50.0%) with an image that another declared split has too: row-1 and, in 'train', row-2"
        in finding.message
    )
    assert "data.straddling: move or drop" in finding.message
    assert finding.ids == ("row-1", "row-2")


def test_val_and_test_have_a_finding_each() -> None:
    found = list(check_straddling(splits(["0"], ["0"]), ALL, RULE, NEAR))
    assert [finding.split for finding in found] == ["val", "test"]


def test_groups_straddle_too() -> None:
    rows = splits(["4"], ["5"])
    rows["train"].groups[3] = rows["test"].groups[0] = "group shop"
    (finding,) = check_straddling(rows, ALL, RULE, NEAR)
    assert (finding.split, finding.ids) == ("test", ("row-0", "row-3"))
    assert "with a group that another declared split has too" in finding.message


def test_similar_images_warn() -> None:
    rows = splits(["4"], ["5", "3"])
    rows["test"].hashes[0] = 0xFF ^ 0b11
    found = list(check_straddling(rows, ALL, RULE, NEAR))
    assert [(finding.severity, finding.ids) for finding in found] == [
        ("stop", ("row-1", "row-3")),
        ("warn", ("row-0",)),
    ]
    assert "row-0 and, in 'train', row-0" in found[1].message


def test_of_images_that_look_alike_all_warn() -> None:
    rows = splits(["4"], ["5", "6"])
    rows["test"].hashes[:] = 0xFF ^ 0b11
    (finding,) = check_straddling(rows, ALL, RULE, NEAR)
    assert (finding.severity, finding.measured) == ("warn", 1)


@pytest.mark.parametrize(
    ("rule", "near"),
    [(StraddlingRule(near="ignore"), NEAR), (RULE, NearDuplicatesRule(severity="warn"))],
    ids=["ignored", "told by another rule"],
)
def test_similar_images_are_told_once_or_not(rule: StraddlingRule, near: NearDuplicatesRule) -> None:
    rows = splits(["4"], ["5"])
    rows["test"].hashes[0] = 0xFF
    assert list(check_straddling(rows, ALL, rule, near)) == []


@pytest.mark.parametrize("declared", [None, ALL.model_copy(update={"ignores_equal_images": True})])
def test_equal_images_are_no_finding_if_nothing_is_declared_or_they_count_as_others(
    declared: DeclaredAccount | None,
) -> None:
    rows = splits(["0"], ["1"])
    assert list(check_straddling(rows, declared, StraddlingRule(near="ignore"), NEAR)) == []


def test_a_split_that_was_taken_from_train_counts_as_train() -> None:
    rows = splits(["0"], ["0"])
    only_val = DeclaredAccount(by="names", examples={"train": 5, "val": 1}, from_train=["test"])
    (finding,) = check_straddling(rows, only_val, RULE, NEAR)
    assert (finding.split, finding.measured) == ("val", 1.0)


def test_a_share_within_the_limit_is_no_finding() -> None:
    assert list(check_straddling(splits(["4"], ["5", "2"]), ALL, StraddlingRule(max=0.5), NEAR)) == []
