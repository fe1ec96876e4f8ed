"""The sentence that a run says of declared splits."""

from __future__ import annotations

from diptych.components.declared_account import DeclaredAccount, parse_declared


def test_everything_is_said_that_there_is() -> None:
    account = DeclaredAccount(
        by="the names of its files",
        examples={"train": 1_800},
        unlabelled={"test": 200},
        from_train=["val", "test"],
        moved=3,
        unread=["a.csv", "b.csv", "c.csv", "d.csv"],
    )
    assert account.describe() == (
        "declared by the names of its files: train 1,800; test has 200 rows without labels: not learned "
        "from; val and test taken from train; 3 moved to another split, with equal images or rows of their group; "
        "not read, because they name no split: a.csv, b.csv, c.csv and 1 more"
    )


def test_what_is_kept_alone_is_said_alone() -> None:
    account = DeclaredAccount(by="the column 'part'", examples={"test": 1, "train": 8, "val": 1})
    assert account.describe() == "declared by the column 'part': train 8, val 1, test 1"


def test_an_account_without_declared_splits_has_none() -> None:
    assert parse_declared({"rows": 3}) is parse_declared({"declared": None}) is None
    account = DeclaredAccount(by="x", examples={"train": 1})
    assert parse_declared({"declared": account.model_dump()}) == account
